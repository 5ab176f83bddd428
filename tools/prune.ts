import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { copyFile, copyTree } from './copy-tree.ts';
import { productionClosure, type Platform } from './closure.ts';
import { lockOf } from './lock.ts';
import { isMain, readManifest, readPackages, ROOT, type Package } from './workspace.ts';

/** Options of {@link prune}. */
export interface PruneOptions {
  readonly root: string;
  /** Name of the app's folder: `ansible-worker`. */
  readonly app: string;
  /** Folder that is made; must not exist or be empty. */
  readonly out: string;
  /** Machine that the tree shall run on. Default: this one. */
  readonly platform?: Platform;
  /** Hard links in place of copies, for a tree that is thrown away. Default false. */
  readonly link?: boolean;
}

/** What {@link prune} made. */
export interface PrunedTree {
  /** The program to start, from `out`. */
  readonly main: string;
  /** Folders of our own libraries in the tree. */
  readonly libraries: readonly string[];
  /** Folders of packages in the tree. */
  readonly packages: readonly string[];
}

/** Names of the folders of apps that have a built program. */
export function builtApps(root: string): string[] {
  return readPackages(root)
    .filter(({ kind, folder }) => kind === 'app' && existsSync(join(root, folder, 'dist', 'main.js')))
    .map(({ folder }) => basename(folder));
}

/**
 * Copies what one app needs in production, and nothing else: its `dist` and other `files`, those of the libraries that
 * it uses, and the packages that they depend on, at the versions of the lock file. The tree stands for itself.
 */
export function prune({ root, app, out, platform = process, link = false }: PruneOptions): PrunedTree {
  const packages = readPackages(root);
  const own = packages.find(({ kind, folder }) => kind === 'app' && basename(folder) === app);
  if (own === undefined) {
    const known = packages.filter(({ kind }) => kind === 'app').map(({ folder }) => basename(folder));
    throw new Error(`there is no app "${app}"; the apps are ${known.join(', ')}`);
  }
  const main = `${own.folder}/dist/main.js`;
  if (!existsSync(join(root, main))) throw new Error(`${main} is missing: build the app first (nx build bundle)`);
  if (existsSync(out) && readdirSync(out).length > 0) throw new Error(`${out} is not empty`);

  const closure = productionClosure(lockOf(root), own.folder, platform);
  const byFolder = new Map(packages.map((entry) => [entry.folder, entry]));
  copyPackage(root, own, join(out, own.folder), link);
  for (const [folder, name] of closure.workspaces) {
    const library = byFolder.get(folder);
    if (library === undefined) throw new Error(`the lock file links ${folder}, which is no package of this workspace`);
    copyPackage(root, library, join(out, 'node_modules', name), link);
  }
  const copied = closure.packages.flatMap(({ from, to, isOptional }) => {
    const source = join(root, from);
    if (existsSync(source)) {
      const releases = from === CORE_BRIDGE ? otherReleases(join(source, 'releases'), platform) : [];
      copyTree(source, join(out, to), { link, accepts: (path) => isWanted(path) && !releases.includes(path) });
      return [to];
    }
    if (isOptional) return [];
    throw new Error(`${from} is not installed: run npm ci`);
  });
  const { name, version } = readManifest(root);
  writeFileSync(
    join(out, 'package.json'),
    `${JSON.stringify({ name, version, private: true, type: 'module' }, null, 2)}\n`,
  );
  return { main, libraries: [...closure.workspaces.values()].toSorted(), packages: copied };
}

/** Our own package: package.json, `dist`, and what else its `files` names. */
function copyPackage(root: string, { folder, manifest }: Package, to: string, link: boolean): void {
  mkdirSync(to, { recursive: true });
  for (const entry of new Set(['package.json', 'dist', ...manifest.files])) {
    const source = join(root, folder, entry);
    if (existsSync(source)) {
      if (statSync(source).isDirectory()) copyTree(source, join(to, entry), { link, accepts: isOursWanted });
      else copyFile(source, join(to, entry), link);
    } else if (entry !== 'dist') {
      throw new Error(`${folder}/package.json lists "${entry}" in files, and there is none`);
    }
  }
}

/** Source maps stay, so that stacks speak of our sources; types and the compiler's notes do not run. */
const isOursWanted = (path: string): boolean =>
  !/\.d\.ts(?:\.map)?$|\.tsbuildinfo$|\.pyc$|__pycache__|\.test\.js/.test(path);

/** Nested packages are entries of their own; types and maps of others do not run. Licences stay. */
const isWanted = (path: string): boolean => path !== 'node_modules' && !/\.(?:map|d\.[mc]?ts)$/.test(path);

const CORE_BRIDGE = 'node_modules/@temporalio/core-bridge';

/** Temporal's native part brings five machines at about 30 MB each; all but one are left out. */
function otherReleases(folder: string, { platform, arch }: Platform): string[] {
  const cpu = { x64: 'x86_64', arm64: 'aarch64' }[arch] ?? arch;
  const system = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[platform] ?? platform;
  const all = readdirSync(folder);
  const others = all.filter((name) => !(name.startsWith(cpu) && name.includes(system)));
  if (others.length === all.length) {
    throw new Error(`${CORE_BRIDGE} has nothing for ${system} on ${cpu}: ${all.join(', ')}`);
  }
  return others.map((name) => `releases/${name}`);
}

if (isMain(import.meta)) {
  const [app, out] = process.argv.slice(2);
  if (app === undefined || out === undefined) {
    console.error('usage: node tools/prune.ts <app> <directory>');
    process.exitCode = 2;
  } else {
    const tree = prune({ root: ROOT, app, out: resolve(out) });
    const { version } = readManifest(join(ROOT, 'apps', app));
    console.log(
      `${app} ${version}: ${tree.libraries.length} libraries, ${tree.packages.length} packages, start ${tree.main}`,
    );
  }
}
