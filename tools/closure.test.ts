import { describe, expect, it } from 'vitest';
import { productionClosure } from './closure.ts';
import type { Lock, LockEntry } from './lock.ts';

const LINUX = { platform: 'linux', arch: 'x64' };

function lockWith(entries: Readonly<Record<string, Partial<LockEntry>>>): Lock {
  return new Map(
    Object.entries(entries).map(([path, entry]) => [
      path,
      {
        link: false,
        optional: false,
        dependencies: {},
        optionalDependencies: {},
        peerDependencies: {},
        peerDependenciesMeta: {},
        ...entry,
      },
    ]),
  );
}

const froms = (lock: Lock): string[] => productionClosure(lock, 'apps/one', LINUX).packages.map(({ from }) => from);

describe('the production closure of an app', () => {
  it('holds what it reaches, and no devDependencies', () => {
    const lock = lockWith({
      'apps/one': { dependencies: { a: '1' }, devDependencies: { test: '1' } },
      'node_modules/a': { dependencies: { b: '1' } },
      'node_modules/b': { dependencies: { a: '1' } },
      'node_modules/test': {},
    });
    expect(froms(lock)).toEqual(['node_modules/a', 'node_modules/b']);
  });

  it('prefers the nested copy that Node would find', () => {
    const lock = lockWith({
      'apps/one': { dependencies: { a: '1' } },
      'node_modules/a': { dependencies: { b: '7' } },
      'node_modules/a/node_modules/b': { dependencies: { c: '1' } },
      'node_modules/a/node_modules/c': {},
      'node_modules/b': {},
      'node_modules/c': {},
    });
    expect(froms(lock)).toEqual(['node_modules/a', 'node_modules/a/node_modules/b', 'node_modules/a/node_modules/c']);
  });

  it('follows links to our own libraries, and moves what is nested below them', () => {
    const lock = lockWith({
      'apps/one': { dependencies: { '@x/lib': '1' } },
      'node_modules/@x/lib': { link: true, resolved: 'libs/lib' },
      'libs/lib': { dependencies: { a: '2' } },
      'libs/lib/node_modules/a': {},
      'node_modules/a': {},
    });
    const closure = productionClosure(lock, 'apps/one', LINUX);
    expect([...closure.workspaces]).toEqual([['libs/lib', '@x/lib']]);
    expect(closure.packages).toEqual([
      { from: 'libs/lib/node_modules/a', to: 'node_modules/@x/lib/node_modules/a', isOptional: false },
    ]);
  });

  it('leaves out packages for other machines, types, and optional peers', () => {
    const lock = lockWith({
      'apps/one': {
        dependencies: { '@types/a': '1' },
        optionalDependencies: { linux: '1', mac: '1', musl: '1', notwin: '1', absent: '1' },
        peerDependencies: { wanted: '1', wished: '1' },
        peerDependenciesMeta: { wished: { optional: true } },
      },
      'node_modules/@types/a': {},
      'node_modules/linux': { os: ['linux'], cpu: ['x64'], libc: ['glibc'], optional: true },
      'node_modules/mac': { os: ['darwin'], optional: true },
      'node_modules/musl': { os: ['linux'], libc: ['musl'], optional: true },
      'node_modules/notwin': { os: ['!win32'], optional: true },
      'node_modules/wanted': {},
      'node_modules/wished': {},
    });
    expect(froms(lock)).toEqual(['node_modules/linux', 'node_modules/notwin', 'node_modules/wanted']);
  });

  it('is refused when the lock file does not hold a dependency', () => {
    const lock = lockWith({ 'apps/one': { dependencies: { gone: '1' } } });
    expect(() => productionClosure(lock, 'apps/one', LINUX)).toThrow('apps/one depends on gone');
  });
});
