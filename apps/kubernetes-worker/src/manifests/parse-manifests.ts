import {
  CodedError,
  formatProblems,
  kubernetesObjectSchema,
  parse,
  type KubernetesObject,
} from '@switchyard/contracts';
import { parseAllDocuments } from 'yaml';

/** An object, and where it was written. */
export interface Manifest {
  readonly where: string;
  readonly object: KubernetesObject;
}

/** Objects at most in one set of files. */
const MOST_OBJECTS = 1_000;

/**
 * The objects of a file in YAML or JSON, `---` between them; a `List` counts as its items.
 * @throws InvalidInput with file, line and what is wrong. It never quotes what it read: a Secret may stand there.
 */
export function parseManifests(file: string, text: string): Manifest[] {
  const documents = parseAllDocuments(text, { prettyErrors: false });
  const found: Manifest[] = [];
  for (const document of Array.isArray(documents) ? documents : []) {
    const [broken] = document.errors;
    if (broken) {
      throw new CodedError('InvalidInput', `${file}:${lineOf(text, broken.pos[0])}: not valid YAML (${broken.code})`);
    }
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    if (value === null || value === undefined) continue;
    found.push(...objectsOf(value, `${file}:${lineOf(text, document.contents?.range?.[0] ?? 0)}`));
  }
  return found;
}

/** A position at the very end, where something was not closed, is on the last line that holds anything. */
function lineOf(text: string, position: number): number {
  const until = Math.min(position, text.trimEnd().length);
  return 1 + (text.slice(0, until).match(/\n/g)?.length ?? 0);
}

function objectsOf(value: unknown, where: string): Manifest[] {
  if (isList(value)) return value.items.flatMap((item, index) => objectsOf(item, `${where} items.${index}`));
  const result = parse(kubernetesObjectSchema, value);
  if (result.ok) return [{ where, object: result.value }];
  throw new CodedError('InvalidInput', `${where}: ${formatProblems(result.problems)}`);
}

function isList(value: unknown): value is { readonly items: readonly unknown[] } {
  if (typeof value !== 'object' || value === null) return false;
  const { apiVersion, kind, items } = value as Record<string, unknown>;
  return apiVersion === 'v1' && typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items);
}

/** Refuses what cannot be a set: nothing, too much, or one object twice. */
export function checkSet(manifests: readonly Manifest[], source: string): void {
  if (manifests.length === 0) throw new CodedError('InvalidInput', `${source}: there is no object in it`);
  if (manifests.length > MOST_OBJECTS) {
    throw new CodedError(
      'InvalidInput',
      `${source}: ${manifests.length} objects, and at most ${MOST_OBJECTS} are taken; split it`,
    );
  }
}
