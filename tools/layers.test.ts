import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parseImports, targetOf } from './imports.ts';
import { checkLayers, type LayerProblem, type LayerRuleName } from './layers.ts';
import type { LayerRules } from './layer-rules.ts';
import { writeTree, type Tree } from './test/write-tree.ts';
import { ROOT } from './workspace.ts';

const RULES: LayerRules = {
  scope: '@fix',
  libraries: {
    core: { libraries: [], packages: ['zod'], node: false },
    io: { libraries: ['core'] },
    big: { libraries: [] },
  },
  apps: { '*': { libraries: ['core', 'io'] } },
  workflows: { libraries: ['core'], packages: ['zod'], node: false },
};

const lib = (name: string, more: object = {}): string =>
  JSON.stringify({ name: `@fix/${name}`, exports: { '.': './dist/index.js', './extra': './dist/extra.js' }, ...more });

/** A tree that keeps every rule. */
const GOOD: Tree = {
  'package.json': JSON.stringify({
    name: 'fix',
    workspaces: ['apps/*', 'libs/*'],
    devDependencies: { vitest: '1.0.0' },
  }),
  'libs/core/package.json': lib('core', { dependencies: { zod: '1.0.0' } }),
  'libs/core/src/index.ts': `export * from './a.js';`,
  'libs/core/src/a.ts': `import { z } from 'zod'; export const a = z;`,
  'libs/core/src/a.test.ts': `import { it } from 'vitest'; import { readFileSync } from 'node:fs'; it('x', () => readFileSync('y'));`,
  'libs/io/package.json': lib('io', { dependencies: { '@fix/core': '1.0.0' } }),
  'libs/io/src/index.ts': `import { a } from '@fix/core'; import { readFileSync } from 'node:fs'; export const io = [a, readFileSync];`,
  'apps/one/package.json': JSON.stringify({
    name: '@fix/one',
    dependencies: { '@fix/core': '1', '@fix/io': '1', zod: '1' },
  }),
  'apps/one/src/main.ts': `import '@fix/io'; import './activities/do.js';`,
  'apps/one/src/activities/do.ts': `import { io } from '@fix/io'; export const doIt = () => io;`,
  'apps/one/src/plan/plan.ts': `export const plan = 1;`,
  'apps/one/src/workflows/index.ts': `import type { doIt } from '../activities/do.js'; import { plan } from '../plan/plan.js'; import { a } from '@fix/core'; export const w: [typeof doIt, unknown] = [null as never, [plan, a]];`,
};

const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function check(changes: Tree): LayerProblem[] {
  const root = mkdtempSync(join(tmpdir(), 'layers-'));
  made.push(root);
  writeTree(root, { ...GOOD, ...changes });
  return checkLayers(root, RULES);
}

describe('the layers of this checkout', () => {
  it('keep every rule', () => {
    expect(checkLayers(ROOT)).toEqual([]);
  });
});

describe('a tree that breaks a rule', () => {
  it('does not exist as long as all rules are kept', () => {
    expect(check({})).toEqual([]);
  });

  const cases: readonly (readonly [string, LayerRuleName, string, Tree])[] = [
    [
      'is refused for an import that package.json does not declare',
      'undeclared',
      'libs/io/src/index.ts',
      { 'libs/io/src/index.ts': `import 'left';` },
    ],
    [
      'is refused for an undeclared import of types alone',
      'undeclared',
      'libs/io/src/index.ts',
      { 'libs/io/src/index.ts': `import type { A } from 'left'; export type B = A;` },
    ],
    [
      'is refused for production code that uses a devDependency',
      'undeclared',
      'libs/io/src/index.ts',
      {
        'libs/io/package.json': lib('io', { devDependencies: { left: '1' } }),
        'libs/io/src/index.ts': `import 'left';`,
      },
    ],
    [
      'is refused for a test that uses what nobody declares',
      'undeclared',
      'libs/io/test/io.test.ts',
      { 'libs/io/test/io.test.ts': `import 'left';` },
    ],
    [
      'is refused for a library above its place',
      'layer',
      'libs/core/src/a.ts',
      {
        'libs/core/package.json': lib('core', { dependencies: { '@fix/big': '1' } }),
        'libs/big/package.json': lib('big'),
        'libs/core/src/a.ts': `import '@fix/big';`,
      },
    ],
    [
      'is refused for a package that the library may not use',
      'layer',
      'libs/core/src/a.ts',
      {
        'libs/core/package.json': lib('core', { dependencies: { left: '1' } }),
        'libs/core/src/a.ts': `import 'left';`,
      },
    ],
    [
      'is refused for Node in a library that runs without it',
      'layer',
      'libs/core/src/a.ts',
      { 'libs/core/src/a.ts': `import { readFileSync } from 'fs'; export const a = readFileSync;` },
    ],
    [
      'is refused for a library that has no line in the table',
      'unplaced',
      'libs/new',
      { 'libs/new/package.json': lib('new'), 'libs/new/src/index.ts': 'export const n = 1;' },
    ],
    [
      'is refused for an app that is imported',
      'app-import',
      'apps/two/src/main.ts',
      {
        'apps/two/package.json': JSON.stringify({ name: '@fix/two', dependencies: { '@fix/one': '1' } }),
        'apps/two/src/main.ts': `import '@fix/one';`,
      },
    ],
    [
      'is refused for an import past the exports of a package',
      'deep-import',
      'libs/io/src/index.ts',
      { 'libs/io/src/index.ts': `import '@fix/core/dist/a.js';` },
    ],
    [
      'is refused for a relative path into another package',
      'deep-import',
      'libs/io/src/index.ts',
      { 'libs/io/src/index.ts': `import '../../core/src/a.js';` },
    ],
    [
      'is refused for workflow code that uses Node',
      'sandbox',
      'apps/one/src/workflows/index.ts',
      { 'apps/one/src/workflows/index.ts': `import { createHash } from 'node:crypto'; export const w = createHash;` },
    ],
    [
      'is refused for workflow code that loads an activity through another file',
      'sandbox',
      'apps/one/src/activities/do.ts',
      {
        'apps/one/src/workflows/index.ts': `import { plan } from '../plan/plan.js'; export const w = plan;`,
        'apps/one/src/plan/plan.ts': `export { doIt as plan } from '../activities/do.js';`,
      },
    ],
    [
      'is refused for workflow code whose import keeps a package although it names only types',
      'sandbox',
      'apps/one/src/workflows/index.ts',
      { 'apps/one/src/workflows/index.ts': `import { type io } from '@fix/io'; export type W = typeof io;` },
    ],
    [
      'is refused for a dynamic import in workflow code',
      'sandbox',
      'apps/one/src/workflows/index.ts',
      { 'apps/one/src/workflows/index.ts': `export const w = () => import('../plan/plan.js');` },
    ],
    [
      'is refused for files that import each other',
      'file-cycle',
      'libs/core/src/a.ts',
      {
        'libs/core/src/a.ts': `import './b.js'; export const a = 1;`,
        'libs/core/src/b.ts': `export { a as b } from './a.js';`,
      },
    ],
    [
      'is refused for packages that depend on each other, be it for tests alone',
      'package-cycle',
      '@fix/core',
      { 'libs/core/package.json': lib('core', { dependencies: { zod: '1' }, devDependencies: { '@fix/io': '1' } }) },
    ],
  ];

  it.each(cases)('%s', (_title, rule, where, changes) => {
    expect(check(changes).map((problem) => [problem.rule, problem.where])).toEqual([[rule, where]]);
  });

  it('may take types alone from a devDependency', () => {
    const problems = check({
      'libs/io/package.json': lib('io', { devDependencies: { left: '1' } }),
      'libs/io/src/index.ts': `import type { A } from 'left'; export type B = A;`,
    });
    expect(problems).toEqual([]);
  });

  it('may have files that share types both ways', () => {
    const problems = check({
      'libs/core/src/a.ts': `import type { B } from './b.js'; export type A = B;`,
      'libs/core/src/b.ts': `import type { A } from './a.js'; export type B = A | 1;`,
    });
    expect(problems).toEqual([]);
  });
});

describe('imports', () => {
  it('are found in every form, and told apart from types', () => {
    const text = `import a from 'a'; import type B from 'b'; import { type C } from 'c'; import 'd'; export * from 'e';
      export type { F } from 'f'; const g = await import('g'); import type from 'h'; export { a, B, g, type };
      // import 'not-this'
      const text = "import 'nor-this'";`;
    const found = parseImports('x.ts', text).map(
      ({ specifier, isType, isDynamic }) => `${specifier} ${isType} ${isDynamic}`,
    );
    expect(found.toSorted()).toEqual([
      'a false false',
      'b true false',
      'c false false',
      'd false false',
      'e false false',
      'f true false',
      'g false true',
      'h false false',
    ]);
  });

  it('are split into package and subpath', () => {
    expect(targetOf('@x/y/z/q')).toEqual({ kind: 'package', name: '@x/y', subpath: './z/q' });
    expect(targetOf('zod')).toEqual({ kind: 'package', name: 'zod', subpath: '.' });
    expect(targetOf('fs/promises')).toEqual({ kind: 'builtin', name: 'fs/promises' });
  });
});
