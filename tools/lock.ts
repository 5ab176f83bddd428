import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const names = z.record(z.string(), z.string()).default({});

const entrySchema = z.looseObject({
  version: z.string().optional(),
  /** For links: the folder of the workspace package. */
  resolved: z.string().optional(),
  link: z.boolean().default(false),
  optional: z.boolean().default(false),
  os: z.array(z.string()).optional(),
  cpu: z.array(z.string()).optional(),
  libc: z.array(z.string()).optional(),
  dependencies: names,
  optionalDependencies: names,
  peerDependencies: names,
  peerDependenciesMeta: z.record(z.string(), z.looseObject({ optional: z.boolean().default(false) })).default({}),
});

/** One place in the tree of packages. */
export type LockEntry = z.infer<typeof entrySchema>;

/** Packages by their folder from the root: `node_modules/zod`, `libs/store`. */
export type Lock = ReadonlyMap<string, LockEntry>;

const lockSchema = z.looseObject({ lockfileVersion: z.number().min(3), packages: z.record(z.string(), entrySchema) });

/** Reads a lock file of npm (version 3). */
export function readLock(file: string): Lock {
  return new Map(Object.entries(lockSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).packages));
}

/** The lock file of a checkout. */
export const lockOf = (root: string): Lock => readLock(join(root, 'package-lock.json'));

/** What npm wrote down about the tree that it installed. */
export const installedOf = (root: string): Lock => readLock(join(root, 'node_modules', '.package-lock.json'));

/** The package's name, from its folder. */
export function nameAt(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

/** Folders that hold a copy of the package, links left out. */
export function copiesOf(lock: Lock, name: string): string[] {
  return [...lock]
    .filter(([path, { link }]) => path.includes('node_modules/') && !link && nameAt(path) === name)
    .map(([path]) => path);
}
