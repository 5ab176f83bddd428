import { copiesOf, installedOf, lockOf, nameAt, type Lock } from './lock.ts';
import { isMain, readManifest, readPackages, ROOT, type Manifest } from './workspace.ts';

/** Which versions the tree must hold, and where identity matters. */
export interface TreeRules {
  /** Packages of this scope are all of this version: a workflow bundle and its worker must be the same. */
  readonly oneVersion: { readonly scope: string; readonly version: string };
  /** Packages of which there is one copy: two of them would not recognise each other's objects. */
  readonly oneCopy: readonly string[];
  /** A package that has one copy of this major version, at the root, whatever other majors there are. */
  readonly oneOfMajor: { readonly name: string; readonly major: number };
  /** Packages that must be there although nothing would complain without them. */
  readonly present: readonly string[];
}

export const TREE_RULES: TreeRules = {
  oneVersion: { scope: '@temporalio', version: '1.23.0' },
  oneCopy: ['zod', 'knex', 'pg', 'vitest', 'nexus-rpc'],
  // The SDK wants 8, its gRPC loader 7. When 7 is hoisted, reading a history from JSON throws.
  oneOfMajor: { name: 'protobufjs', major: 8 },
  // Without these types every Duration is `any`, and sleep('30 dayz') compiles.
  present: ['@types/ms'],
};

/** Tells what is wrong with a tree of packages. */
export function checkTree(lock: Lock, rules: TreeRules = TREE_RULES): string[] {
  return [
    ...checkVersions(lock, rules.oneVersion),
    ...rules.oneCopy.flatMap((name) => {
      const copies = copiesOf(lock, name);
      return copies.length > 1 ? [`${name} is there ${copies.length} times: ${copies.join(', ')}`] : [];
    }),
    ...checkMajor(lock, rules.oneOfMajor),
    ...rules.present.filter((name) => copiesOf(lock, name).length === 0).map((name) => `${name} is missing`),
  ];
}

function checkVersions(lock: Lock, { scope, version }: TreeRules['oneVersion']): string[] {
  return [...lock]
    .filter(([path]) => path.includes('node_modules/') && nameAt(path).startsWith(`${scope}/`))
    .filter(([, entry]) => entry.version !== version)
    .map(([path, entry]) => `${path} is ${entry.version}, not ${version} as all of ${scope}`);
}

function checkMajor(lock: Lock, { name, major }: TreeRules['oneOfMajor']): string[] {
  const copies = copiesOf(lock, name).filter((path) => lock.get(path)?.version?.startsWith(`${major}.`));
  if (copies.length === 1 && copies[0] === `node_modules/${name}`) return [];
  return [`${name} ${major} must be at the root and nowhere else; it is at ${copies.join(', ') || 'no place'}`];
}

/** One version, also of a package under another name: a second major beside the first. */
const EXACT = /^(?:npm:(?:@[\w.-]+\/)?[\w.-]+@)?\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;

/** Dependencies of a package.json that are ranges, tags or addresses. */
export function looseVersions(manifest: Manifest): string[] {
  const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
  return Object.entries(all)
    .filter(([, version]) => !EXACT.test(version))
    .map(([name, version]) => `${manifest.name}: ${name} is "${version}"; name one version exactly`);
}

/** Everything that is wrong with the dependencies of a checkout: lock file, installed tree and package.json files. */
export function checkDependencies(root: string): string[] {
  const manifests = [readManifest(root), ...readPackages(root).map(({ manifest }) => manifest)];
  return [
    ...checkTree(lockOf(root)).map((problem) => `package-lock.json: ${problem}`),
    ...checkTree(installedOf(root)).map((problem) => `node_modules: ${problem}`),
    ...manifests.flatMap(looseVersions),
  ];
}

if (isMain(import.meta)) {
  const problems = checkDependencies(ROOT);
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
