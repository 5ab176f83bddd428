import type { Lock, LockEntry } from './lock.ts';

/** A machine, in Node's words. */
export interface Platform {
  readonly platform: string;
  readonly arch: string;
}

/** What an app needs at run time. */
export interface Closure {
  /** Our own libraries: folder in the workspace -> package name. The app itself is not among them. */
  readonly workspaces: ReadonlyMap<string, string>;
  /** Packages: where they are installed, and where they belong in a tree of their own. */
  readonly packages: readonly { readonly from: string; readonly to: string; readonly isOptional: boolean }[];
}

/** Types are for the compiler alone. */
const isTypesOnly = (name: string): boolean => name.startsWith('@types/');

/**
 * Everything that a workspace package reaches over dependencies, optional dependencies and peers, found in the lock
 * file in the way in which Node resolves names. Optional packages for other machines are left out.
 * @throws Error for a dependency that the lock file does not hold
 */
export function productionClosure(lock: Lock, start: string, platform: Platform = process): Closure {
  const workspaces = new Map<string, string>();
  const packages = new Map<string, boolean>();
  const seen = new Set([start]);
  const waiting = [start];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const entry = lock.get(path);
    if (entry === undefined) throw new Error(`package-lock.json has no ${path}: run npm install`);
    for (const { name, isOptional } of wantedBy(entry)) {
      const found = resolveName(lock, path, name);
      const at = found === undefined ? undefined : lock.get(found);
      if (found === undefined || at === undefined) {
        if (isOptional) continue;
        throw new Error(`${path} depends on ${name}, which package-lock.json does not hold: run npm install`);
      }
      if (!runsOn(at, platform)) continue;
      const target = at.link ? (at.resolved ?? found) : found;
      if (seen.has(target)) continue;
      seen.add(target);
      waiting.push(target);
      if (at.link) workspaces.set(target, name);
      else packages.set(target, at.optional);
    }
  }
  return {
    workspaces,
    packages: [...packages]
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([from, isOptional]) => ({ from, to: placeOf(from, workspaces), isOptional })),
  };
}

function wantedBy(entry: LockEntry): { name: string; isOptional: boolean }[] {
  const peers = Object.keys(entry.peerDependencies);
  const optionalPeers = peers.filter((name) => entry.peerDependenciesMeta[name]?.optional === true);
  return [
    ...Object.keys(entry.dependencies).map((name) => ({ name, isOptional: name in entry.optionalDependencies })),
    ...Object.keys(entry.optionalDependencies).map((name) => ({ name, isOptional: true })),
    // An optional peer is somebody else's wish: where it is wanted, it is a dependency of its own.
    ...peers.filter((name) => !optionalPeers.includes(name)).map((name) => ({ name, isOptional: false })),
  ].filter(({ name }) => !isTypesOnly(name));
}

/** Where Node finds a package from a folder: its own node_modules first, then those above. */
function resolveName(lock: Lock, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = parentOf(folder)) {
    const candidate = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (lock.has(candidate)) return candidate;
    if (folder === '') return undefined;
  }
}

/** The folder above whose node_modules is asked next. */
function parentOf(folder: string): string {
  const nested = folder.lastIndexOf('/node_modules/');
  return nested === -1 ? '' : folder.slice(0, nested);
}

/** A library moves into node_modules under its name, and what is nested below it moves along. */
function placeOf(from: string, workspaces: ReadonlyMap<string, string>): string {
  for (const [folder, name] of workspaces) {
    if (from.startsWith(`${folder}/`)) return `node_modules/${name}/${from.slice(folder.length + 1)}`;
  }
  return from;
}

/** Whether a package is for this machine; npm writes `!win32` for all but one. */
function runsOn(entry: LockEntry, { platform, arch }: Platform): boolean {
  // Images and development machines use glibc; Temporal has no build for another one.
  return fits(entry.os, platform) && fits(entry.cpu, arch) && fits(entry.libc, 'glibc');
}

function fits(list: readonly string[] | undefined, value: string): boolean {
  if (list === undefined || list.length === 0) return true;
  const refused = list.filter((word) => word.startsWith('!'));
  if (refused.includes(`!${value}`)) return false;
  return refused.length === list.length || list.includes(value);
}
