import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../workspace.ts';
import { nameOf, type KubernetesObject } from './manifests.ts';
import { unknownKeys } from './unknown-keys.ts';

const MODELS = join(ROOT, 'node_modules', 'kubernetes-models');

/**
 * Checks an object against the schema of its kind, as the API server would: wrong types, missing fields, wrong words.
 * The schemas let unknown fields pass, which the server would refuse or drop, so the keys are compared besides.
 */
export async function modelProblems(object: KubernetesObject): Promise<string[]> {
  const file = join(MODELS, object.apiVersion, `${object.kind}.js`);
  if (!existsSync(file)) return [`${nameOf(object)}: there is no ${object.apiVersion} ${object.kind}`];
  const module = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  const Model = module[object.kind];
  if (typeof Model !== 'function') return [`${nameOf(object)}: ${file} has no model`];
  const problems = unknownKeys(object, file.replace(/\.js$/, '.d.ts')).map(
    (key) => `${nameOf(object)}: ${key} is unknown to Kubernetes`,
  );
  try {
    const model: unknown = Reflect.construct(Model, [object]);
    if (!isModel(model)) throw new Error('the model cannot be validated');
    model.validate();
  } catch (error) {
    problems.push(`${nameOf(object)}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return problems;
}

const isModel = (value: unknown): value is { validate(): void } =>
  typeof value === 'object' && value !== null && 'validate' in value && typeof value.validate === 'function';
