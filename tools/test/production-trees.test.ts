import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, waitFor, type TestDatabase } from '@switchyard/testkit';
import { startPostgres, startTemporal, type StartedPostgres, type StartedTemporal } from '@switchyard/testkit/servers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtApps, prune, type PrunedTree } from '../prune.ts';
import { readPackages, ROOT } from '../workspace.ts';
import { startProgram, type Ended, type Program } from './program.ts';

const APPS = builtApps(ROOT);
const SERVERS = APPS.filter((app) => app !== 'cli');

let temporal: StartedTemporal;
let postgres: StartedPostgres;
let database: TestDatabase;
let folder: string;
let migration: Ended;
const trees = new Map<string, PrunedTree & { readonly root: string }>();

/** The tree of an app, made once, outside of the repository. */
function treeOf(app: string): PrunedTree & { readonly root: string } {
  const made = trees.get(app);
  if (made !== undefined) return made;
  const root = join(folder, app);
  const tree = { ...prune({ root: ROOT, app, out: root, link: true }), root };
  trees.set(app, tree);
  return tree;
}

/** Nothing of the caller's environment, so that nothing but the tree can help. */
const environment = (root: string): Record<string, string> => ({
  PATH: '/usr/bin:/bin',
  HOME: root,
  TEMPORAL_ADDRESS: temporal.address,
  TEMPORAL_NAMESPACE: temporal.namespace,
  ...database.env,
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-trees-'));
  [temporal, postgres] = await Promise.all([startTemporal(), startPostgres()]);
  database = await createTestDatabase({ server: postgres });
  const { root } = treeOf('cli');
  // As the image does.
  mkdirSync(join(root, 'tools'));
  cpSync(join(ROOT, 'tools/migrate-store.ts'), join(root, 'tools/migrate-store.ts'));
  migration = await startProgram(root, ['tools/migrate-store.ts'], environment(root)).ended;
});

afterAll(async () => {
  await database?.drop();
  await Promise.all([temporal?.stop(), postgres?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

describe('the production tree of every app', () => {
  it('can be made, because every app is built', () => {
    const all = readPackages(ROOT).filter(({ kind }) => kind === 'app');
    expect(APPS).toEqual(all.map(({ folder: path }) => path.slice('apps/'.length)));
  });

  it.each(APPS)('holds what %s needs, and no tests, types or tools of developers', (app) => {
    const { root } = treeOf(app);
    const names = readdirSync(join(root, 'node_modules'), { recursive: true, encoding: 'utf8' });
    expect(names.filter((name) => /\.d\.ts$|\.tsbuildinfo$/.test(name))).toEqual([]);
    for (const developer of ['vitest', 'typescript', 'nx', 'knip', '@switchyard/testkit']) {
      expect(names).not.toContain(developer);
    }
    expect(readdirSync(root).filter((name) => name !== 'tools')).toEqual(['apps', 'node_modules', 'package.json']);
    expect(readdirSync(join(root, 'apps'))).toEqual([app]);
  });

  it('holds the native part of Temporal for one machine', () => {
    const app = SERVERS[0] ?? '';
    expect(readdirSync(join(treeOf(app).root, 'node_modules/@temporalio/core-bridge/releases'))).toHaveLength(1);
  });
});

describe('the command line, alone', () => {
  it('migrates the store, and a second time finds nothing to do', async () => {
    const { root } = treeOf('cli');
    expect(migration).toMatchObject({ code: 0 });
    expect(JSON.parse(migration.output)).toEqual({ applied: expect.arrayContaining(['000001-events']) });
    const again = await startProgram(root, ['tools/migrate-store.ts'], environment(root)).ended;
    expect(again).toMatchObject({ code: 0, output: '{"applied":[]}\n' });
  });

  it('tells its version and its commands', async () => {
    const { root, main } = treeOf('cli');
    const { version } = JSON.parse(readFileSync(join(root, 'apps/cli/package.json'), 'utf8')) as { version: string };
    const told = await startProgram(root, [main, 'version'], environment(root)).ended;
    expect(told).toMatchObject({ code: 0, output: expect.stringContaining(version) });
    const help = await startProgram(root, [main, '--help'], environment(root)).ended;
    expect(help).toMatchObject({ code: 0, output: expect.stringContaining('runs') });
  });
});

describe('a worker or the gateway, alone', () => {
  it.each(SERVERS)('%s becomes ready and ends with 0 when it is asked to', async (app) => {
    const { root, main } = treeOf(app);
    await using program = startProgram(root, [main], environment(root));
    const url = await waitFor(() => healthUrl(program), { what: `${app} to run`, timeoutMs: 60_000 });
    const ready = await waitFor(async () => (await fetch(`${url}/ready`)).status === 200, {
      what: `${app} to be ready`,
    });
    expect(ready).toBe(true);
    expect((await fetch(`${url}/live`)).status).toBe(200);
    program.stop();
    expect(await program.ended).toMatchObject({ code: 0, signal: null });
  });
});

/** It takes a free port and logs the address. */
function healthUrl(program: Program): string | undefined {
  if (program.hasEnded()) throw new Error(`it ended: ${program.output()}`);
  return /"health":"(http:[^"]+)"/.exec(program.output())?.[1];
}
