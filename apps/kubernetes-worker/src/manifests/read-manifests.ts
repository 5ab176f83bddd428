import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CodedError, type KubernetesInput, type KubernetesObject } from '@switchyard/contracts';
import { resolveInside } from '@switchyard/process';
import { checkSet, parseManifests, type Manifest } from './parse-manifests.js';

/** What a run works on. */
export interface ManifestSet {
  readonly objects: readonly KubernetesObject[];
  /** The same for the same objects, however they are written. */
  readonly digest: string;
}

const MOST_BYTES = 16 * 1024 * 1024;

/**
 * Reads the objects of an input. A directory is taken with its *.yaml, *.yml and *.json files in the order of their
 * names, without what lies below.
 * @throws NotFound, PathRefused, InvalidInput with file and line
 */
export async function readManifests(
  roots: readonly string[],
  { manifests: { path, objects } }: KubernetesInput,
): Promise<ManifestSet> {
  const found =
    path === undefined
      ? (objects ?? []).map((object, index): Manifest => ({ where: `manifests.objects.${index}`, object }))
      : await readPath(roots, path);
  checkSet(found, path ?? 'manifests.objects');
  const set = found.map(({ object }) => object);
  return { objects: set, digest: `sha256:${createHash('sha256').update(JSON.stringify(set)).digest('hex')}` };
}

async function readPath(roots: readonly string[], path: string): Promise<Manifest[]> {
  const target = await resolveInside(roots, path);
  const files = (await stat(target)).isDirectory() ? await filesOf(target) : [target];
  if (files.length === 0) {
    throw new CodedError(
      'NotFound',
      `manifests.path: "${path}" has no *.yaml, *.yml or *.json file; what lies below it is not taken`,
    );
  }
  const texts = await Promise.all(
    files.map(async (file) => {
      // A link in the directory may lead out of the roots.
      const real = await resolveInside(roots, file);
      if ((await stat(real)).size > MOST_BYTES) {
        throw new CodedError('InvalidInput', `${basename(file)}: larger than ${MOST_BYTES / 1024 / 1024} MiB`);
      }
      return parseManifests(basename(file), await readFile(real, 'utf8'));
    }),
  );
  return texts.flat();
}

async function filesOf(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  return names
    .filter((name) => /\.(?:ya?ml|json)$/.test(name) && !name.startsWith('.'))
    .toSorted()
    .map((name) => join(directory, name));
}
