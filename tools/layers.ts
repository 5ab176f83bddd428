import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { findCycles } from './cycles.ts';
import { readImports, targetOf, type Import } from './imports.ts';
import { LAYER_RULES, type LayerRules, type PackageRule } from './layer-rules.ts';
import { isMain, listFiles, readManifest, readPackages, ROOT, type Package } from './workspace.ts';

/** The rules that a source tree can break. */
export type LayerRuleName =
  | 'undeclared' // an import of a package that package.json does not declare
  | 'layer' // an import that the rule table forbids
  | 'sandbox' // workflow code that reaches what its sandbox has not
  | 'deep-import' // something past the exports of a package
  | 'app-import' // an app that is imported
  | 'unplaced' // a library without a rule
  | 'file-cycle'
  | 'package-cycle';

/** One broken rule. */
export interface LayerProblem {
  readonly rule: LayerRuleName;
  /** File or folder from the root. */
  readonly where: string;
  readonly message: string;
}

interface SourceFile {
  readonly path: string;
  readonly owner: Package;
  /** Whether it is no part of what runs in production: devDependencies count, too. */
  readonly isTest: boolean;
  readonly imports: readonly (Import & { readonly file?: string })[];
}

/** Reads every source file of a checkout and tells each broken rule. */
export function checkLayers(root: string, rules: LayerRules = LAYER_RULES): LayerProblem[] {
  const packages = readPackages(root);
  const files = packages.flatMap((owner) => readSources(root, owner));
  const rootDev = Object.keys(readManifest(root).devDependencies);
  const byName = new Map(packages.map((entry) => [entry.name, entry]));
  return [
    ...packages.flatMap((owner) => unplaced(owner, rules)),
    ...files.flatMap((file) => checkFile(file, { rules, byName, rootDev })),
    ...packages.filter(({ kind }) => kind === 'app').flatMap((app) => checkSandbox(app, files, rules)),
    ...fileCycles(files),
    ...packageCycles(packages, byName),
  ];
}

function readSources(root: string, owner: Package): SourceFile[] {
  const isSource = (path: string): boolean => /\.[mc]?tsx?$/.test(path) && !path.endsWith('.d.ts');
  return listFiles(root, owner.folder, isSource).map((path) => {
    const inside = path.slice(owner.folder.length + 1);
    return {
      path,
      owner,
      isTest: owner.kind === 'other' || !inside.startsWith('src/') || /\.test\.tsx?$/.test(inside),
      imports: readImports(join(root, path)).map((entry) => {
        const file = resolveFile(root, path, entry.specifier);
        return file === undefined ? entry : { ...entry, file };
      }),
    };
  });
}

/** The source file that a relative specifier speaks of, as a path from the root. */
function resolveFile(root: string, from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const path = posix.join(posix.dirname(from), specifier);
  const candidates = [path, path.replace(/\.([mc]?)js(x?)$/, '.$1ts$2'), path.replace(/\.js$/, '.tsx')];
  return candidates.find((candidate) => existsSync(join(root, candidate))) ?? path;
}

function unplaced({ kind, name, folder }: Package, { scope, libraries }: LayerRules): LayerProblem[] {
  if (kind !== 'lib' || shortName(name, scope) in libraries) return [];
  return [
    { rule: 'unplaced', where: folder, message: `${name} has no line in tools/layer-rules.ts: decide its place` },
  ];
}

const shortName = (name: string, scope: string): string =>
  name.startsWith(`${scope}/`) ? name.slice(scope.length + 1) : name;

interface Context {
  readonly rules: LayerRules;
  readonly byName: ReadonlyMap<string, Package>;
  readonly rootDev: readonly string[];
}

function checkFile(file: SourceFile, context: Context): LayerProblem[] {
  return file.imports.flatMap((entry) => checkImport(file, entry, context));
}

function checkImport(file: SourceFile, entry: SourceFile['imports'][number], context: Context): LayerProblem[] {
  const { rules, byName } = context;
  const { owner, path, isTest } = file;
  const problem = (rule: LayerRuleName, message: string): LayerProblem[] => [{ rule, where: path, message }];
  const target = targetOf(entry.specifier);
  const rule = ruleOf(owner, rules);
  if (target.kind === 'file') {
    const inside = entry.file?.startsWith(`${owner.folder}/`) ?? false;
    // The one shared configuration of the test runner lies at the root.
    if (inside || (isTest && entry.file !== undefined && !entry.file.includes('/'))) return [];
    return problem('deep-import', `${entry.specifier} leaves ${owner.folder}: import the package by its name`);
  }
  if (target.kind === 'builtin') {
    if (isTest || rule.node !== false) return [];
    return problem('layer', `${owner.name} runs where Node is not, and imports node:${target.name}`);
  }
  const problems: LayerProblem[] = [];
  if (target.name !== owner.name && !declares(file, entry, target.name, context.rootDev)) {
    const list = isTest ? 'devDependencies' : 'dependencies';
    problems.push(...problem('undeclared', `${target.name} is not among the ${list} of ${owner.folder}/package.json`));
  }
  const other = byName.get(target.name);
  if (other === undefined) {
    if (!isTest && rule.packages !== undefined && !rule.packages.includes(target.name)) {
      problems.push(...problem('layer', `${owner.name} may not import ${target.name}`));
    }
    return problems;
  }
  if (other.kind === 'app') problems.push(...problem('app-import', `${target.name} is an app: nothing imports an app`));
  else if (!isTest && other !== owner && !rule.libraries.includes(shortName(other.name, rules.scope))) {
    problems.push(...problem('layer', `${owner.name} may not import ${target.name}`));
  }
  if (other.manifest.exports !== undefined && !(target.subpath in other.manifest.exports)) {
    problems.push(...problem('deep-import', `${entry.specifier} is not among the exports of ${target.name}`));
  }
  return problems;
}

function ruleOf(owner: Package, { scope, libraries, apps }: LayerRules): PackageRule {
  const name = shortName(owner.name, scope);
  const any: PackageRule = { libraries: Object.keys(libraries) };
  if (owner.kind === 'lib') return libraries[name] ?? any;
  return owner.kind === 'app' ? (apps[name] ?? apps['*'] ?? any) : any;
}

function declares(file: SourceFile, { isType }: Import, name: string, rootDev: readonly string[]): boolean {
  const { dependencies, optionalDependencies, peerDependencies, devDependencies } = file.owner.manifest;
  if (name in dependencies || name in optionalDependencies || name in peerDependencies) return true;
  // Types are gone when the code runs; tests are not there.
  return ((isType || file.isTest) && name in devDependencies) || (file.isTest && rootDev.includes(name));
}

/** Follows what the workflows of an app load, inside the app, and looks at all of it. */
function checkSandbox(app: Package, files: readonly SourceFile[], rules: LayerRules): LayerProblem[] {
  const own = new Map(files.filter(({ owner, isTest }) => owner === app && !isTest).map((file) => [file.path, file]));
  const waiting = [...own.keys()].filter((path) => path.startsWith(`${app.folder}/src/workflows/`));
  const seen = new Set(waiting);
  const problems: LayerProblem[] = [];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    for (const entry of own.get(path)?.imports ?? []) {
      if (entry.isType) continue;
      const message = sandboxProblem(entry, rules);
      if (message !== undefined) problems.push({ rule: 'sandbox', where: path, message });
      if (entry.file !== undefined && own.has(entry.file) && !seen.has(entry.file)) {
        seen.add(entry.file);
        waiting.push(entry.file);
      }
    }
  }
  return problems;
}

function sandboxProblem(entry: Import, { scope, workflows }: LayerRules): string | undefined {
  const why = 'and this file is loaded by workflows';
  if (entry.isDynamic) return `import(${entry.specifier}) does not work in Temporal's sandbox, ${why}`;
  const target = targetOf(entry.specifier);
  if (target.kind === 'file') return undefined;
  if (target.kind === 'builtin') return `node:${target.name} does not exist in Temporal's sandbox, ${why}`;
  const allowed = [...workflows.libraries.map((name) => `${scope}/${name}`), ...(workflows.packages ?? [])];
  if (allowed.includes(target.name)) return undefined;
  return `${target.name} is not for workflow code, ${why}; allowed: ${allowed.join(', ')}`;
}

function fileCycles(files: readonly SourceFile[]): LayerProblem[] {
  // Imports of types alone leave nothing behind that could meet a half-loaded module.
  const edges = new Map(
    files.map(({ path, imports }) => [
      path,
      imports.filter(({ isType }) => !isType).flatMap(({ file }) => (file === undefined ? [] : [file])),
    ]),
  );
  return findCycles(edges).map((cycle) => ({
    rule: 'file-cycle',
    where: cycle[0] ?? '',
    message: `these files import each other: ${cycle.join(', ')}`,
  }));
}

function packageCycles(packages: readonly Package[], byName: ReadonlyMap<string, Package>): LayerProblem[] {
  const edges = new Map(
    packages.map(({ name, manifest }) => [
      name,
      Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).filter((other) => byName.has(other)),
    ]),
  );
  return findCycles(edges).map((cycle) => ({
    rule: 'package-cycle',
    where: cycle[0] ?? '',
    message: `these packages depend on each other: ${cycle.join(', ')}`,
  }));
}

if (isMain(import.meta)) {
  const problems = checkLayers(ROOT);
  for (const { rule, where, message } of problems) console.error(`${where}: ${message} (${rule})`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
