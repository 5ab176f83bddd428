import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** The checkout that these tools belong to. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const versions = z.record(z.string(), z.string()).default({});

const manifestSchema = z.looseObject({
  name: z.string(),
  version: z.string().default('0.0.0'),
  workspaces: z.array(z.string()).default([]),
  files: z.array(z.string()).default([]),
  exports: z.record(z.string(), z.unknown()).optional(),
  dependencies: versions,
  devDependencies: versions,
  peerDependencies: versions,
  optionalDependencies: versions,
});

/** What these tools read of a package.json. */
export type Manifest = z.infer<typeof manifestSchema>;

/** One package of the workspace. */
export interface Package {
  readonly name: string;
  /** Folder from the root, with slashes: `libs/contracts`. */
  readonly folder: string;
  readonly kind: 'app' | 'lib' | 'other';
  readonly manifest: Manifest;
}

/** Reads and checks a package.json. */
export function readManifest(folder: string): Manifest {
  return manifestSchema.parse(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
}

/** All packages that the root's package.json lists, in the order of their folders. */
export function readPackages(root: string): Package[] {
  const folders = readManifest(root).workspaces.flatMap((pattern) => {
    if (!pattern.endsWith('/*')) return [pattern];
    const parent = pattern.slice(0, -2);
    if (!existsSync(join(root, parent))) return [];
    return readdirSync(join(root, parent))
      .toSorted()
      .map((name) => `${parent}/${name}`);
  });
  return folders
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .map((folder) => {
      const manifest = readManifest(join(root, folder));
      return { name: manifest.name, folder, kind: kindOf(folder), manifest };
    });
}

function kindOf(folder: string): Package['kind'] {
  if (folder.startsWith('apps/')) return 'app';
  return folder.startsWith('libs/') ? 'lib' : 'other';
}

const NOT_OURS = new Set(['node_modules', 'dist', 'test-results']);

/** Files below a folder whose name passes, as paths from the root with slashes, sorted. */
export function listFiles(root: string, folder: string, accepts: (path: string) => boolean): string[] {
  const found: string[] = [];
  const visit = (current: string): void => {
    for (const entry of readdirSync(join(root, current), { withFileTypes: true })) {
      const path = current === '' ? entry.name : `${current}/${entry.name}`;
      if (entry.isDirectory() && !NOT_OURS.has(entry.name) && !entry.name.startsWith('.')) visit(path);
      else if (entry.isFile() && accepts(path)) found.push(path);
    }
  };
  if (existsSync(join(root, folder))) visit(folder);
  return found.toSorted();
}

/** Whether a module was started by hand: `if (isMain(import.meta)) ...`. */
export function isMain(meta: ImportMeta): boolean {
  return process.argv[1] === fileURLToPath(meta.url);
}
