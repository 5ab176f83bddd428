import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { freePort } from '../src/processes/ports.js';
import { processesWithEnvironment } from '../src/processes/processes.js';
import { down } from '../src/stack/down.js';
import { stackLayout } from '../src/stack/layout.js';
import { readState, type StackState } from '../src/stack/state.js';
import { environment, status } from '../src/stack/status.js';
import { up, type UpOptions } from '../src/stack/up.js';

const entry = fileURLToPath(new URL('./toy-worker.mjs', import.meta.url));
const toy = { name: 'toy-worker', taskQueue: 'toy-queue', entry };
const noteSchema = z.object({ pid: z.number(), names: z.array(z.string()) });

let root: string;
const start = (options: Partial<UpOptions> = {}) => up({ root, workers: [toy], tools: ['temporal'], ...options });
const marked = () => processesWithEnvironment(`LOCAL_STACK_ID=${stackLayout(root).id}`);

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await condition()); await sleep(25)) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
  }
}

async function one(url: string, sql: string): Promise<unknown> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const result = await client.query<Record<string, unknown>>(sql);
    return Object.values(result.rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

function listens(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port: Number(new URL(`tcp://${address}`).port) }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'switchyard-stack-'));
  // As root, the PostgreSQL server runs as another user, who has to reach its data.
  await chmod(root, 0o755);
});

afterEach(async () => {
  await down(root);
  const left = await marked();
  await rm(root, { recursive: true, force: true });
  if (left.length > 0) throw new Error(`${left.length} processes are left`);
});

describe('up', () => {
  it('starts servers, databases and workers, and a second call joins them', async () => {
    const seen: string[] = [];
    const first = await start({
      prepare: async (env) => {
        seen.push(env['TEMPORAL_ADDRESS'] ?? '');
        expect((await status(root))?.workers).toEqual([]);
      },
    });
    expect(first.joined).toBe(false);
    expect(seen).toEqual([first.status.temporal.address]);
    expect(await listens(first.status.temporal.address)).toBe(true);
    expect(await one(first.status.postgres.adminUrl, 'show wal_level')).toBe('logical');
    expect(await one(first.status.postgres.url, 'select current_user')).toBe('switchyard_server');
    expect(await one(first.status.databases['app']?.url ?? '', 'select current_database()')).toBe('app');
    expect(first.status.gateway).toBeNull();
    expect(first.status.workers).toMatchObject([
      { name: 'toy-worker', taskQueue: 'toy-queue', state: 'running', restarts: 0 },
    ]);

    const second = await start();
    expect(second.joined).toBe(true);
    expect(second.status).toEqual(first.status);
    expect(await status(root)).toEqual(first.status);
  });

  it('lets the server role use what the admin role makes later', async () => {
    const { status: running, environment: env } = await start({ workers: [] });
    const password = await readFile(env['DB_PASSWORD_ADMIN_FILE'] ?? '', 'utf8');
    const admin = `postgresql://${env['DB_USER_ADMIN']}:${password}@${env['DB_HOST']}:${env['DB_PORT']}/switchyard`;
    await one(admin, 'create schema s create table t (n int generated always as identity)');
    await one(running.postgres.url, 'insert into s.t default values');
    expect(await one(running.postgres.url, 'select count(*)::int from s.t')).toBe(1);
  });

  it('lets the owner of the database app mark its own writes in the log', async () => {
    const { status: stack } = await start();
    const app = stack.databases['app']?.url ?? '';
    expect(await one(app, `select pg_replication_origin_create('mine')`)).toBeGreaterThan(0);
    await one(app, `select pg_replication_origin_session_setup('mine')`);
    await one(app, `select pg_replication_origin_drop('mine')`);
  });

  it('keeps passwords and keys in files that only their user can read, and data over a restart', async () => {
    const { environment: env, status: before } = await start({ workers: [] });
    await one(before.databases['app']?.url ?? '', 'create table kept as select 42 as answer');
    const names = ['DB_PASSWORD_SERVER_FILE', 'SWITCHYARD_ARTIFACT_KEY_FILE', 'SWITCHYARD_DATABASES'];
    const files = [...names.map((name) => env[name] ?? ''), stackLayout(root).stateFile];
    const modes = await Promise.all(files.map(async (file) => (await stat(file)).mode & 0o777));
    expect(modes).toEqual(files.map(() => 0o600));
    const key = await readFile(env['SWITCHYARD_ARTIFACT_KEY_FILE'] ?? '', 'utf8');
    expect(Buffer.from(key, 'base64')).toHaveLength(32);
    await down(root);
    const { status: after } = await start({ workers: [] });
    expect(await one(after.databases['app']?.url ?? '', 'select answer from kept')).toBe(42);
    expect(await readFile(env['SWITCHYARD_ARTIFACT_KEY_FILE'] ?? '', 'utf8')).toBe(key);
  });

  it('gives workers the environment of the stack and not the databases and servers of the caller', async () => {
    const notes = join(root, 'notes');
    const env = {
      ...process.env,
      DB_PASSWORD_SERVER: 'of another database',
      TEMPORAL_API_KEY: 'of another server',
      SWITCHYARD_UI_PORT: '0',
      SWITCHYARD_LOG_LEVEL: 'debug',
    };
    await start({ env, workerEnv: { TOY_NOTES: notes } });
    const { names } = noteSchema.parse(JSON.parse(await readFile(notes, 'utf8')));
    expect(names).toContain('DB_PASSWORD_SERVER_FILE');
    expect(names).toContain('SWITCHYARD_LOG_LEVEL');
    for (const name of ['DB_PASSWORD_SERVER', 'TEMPORAL_API_KEY', 'SWITCHYARD_UI_PORT'])
      expect(names).not.toContain(name);
    expect(await environment(root, {})).toMatchObject({ DB_NAME_SERVER: 'switchyard', SWITCHYARD_PROJECT_ROOTS: root });
  });

  it('uses the ports that the environment names, and refuses one that is taken', async () => {
    const [temporal, ui, postgres] = [await freePort(), await freePort(), await freePort()];
    const env = {
      ...process.env,
      SWITCHYARD_TEMPORAL_PORT: String(temporal),
      SWITCHYARD_UI_PORT: String(ui),
      SWITCHYARD_POSTGRES_PORT: String(postgres),
    };
    const { status: running } = await start({ env, workers: [] });
    expect(running.temporal).toEqual({
      address: `127.0.0.1:${temporal}`,
      namespace: 'default',
      uiUrl: `http://127.0.0.1:${ui}`,
    });
    expect(new URL(running.postgres.url).port).toBe(String(postgres));
    const other = await mkdtemp(join(tmpdir(), 'switchyard-stack-'));
    await chmod(other, 0o755);
    const refused = up({ root: other, workers: [], tools: ['temporal'], env });
    await expect(refused).rejects.toThrow(`port ${temporal} of SWITCHYARD_TEMPORAL_PORT is taken by another program`);
    await rm(other, { recursive: true, force: true });
  });

  it('fails with the end of the log of a worker that does not start, and leaves nothing running', async () => {
    await expect(start({ workerEnv: { TOY_FAIL: '1' } })).rejects.toThrow(
      /toy-worker ends again and again \(exit code 3[^]*no such database/,
    );
    expect(await status(root)).toBeNull();
    expect(await marked()).toEqual([]);
  });

  it('is safe for two calls at once: one starts, the other joins', async () => {
    const results = await Promise.all([start(), start()]);
    expect(results.filter(({ joined }) => joined)).toHaveLength(1);
    expect(results[0]?.status.workers[0]?.pid).toBe(results[1]?.status.workers[0]?.pid);
  });
});

describe('the gateway', () => {
  const isUp = async (url: string): Promise<boolean> => (await fetch(`${url}/ready`).catch(() => null))?.ok ?? false;

  it('is started with the workers, and comes back on its port when it was killed', async () => {
    const port = await freePort();
    const env = { ...process.env, SWITCHYARD_GATEWAY_PORT: String(port) };
    const notes = join(root, 'notes');
    const { status: before } = await start({ gateway: { entry }, env, workerEnv: { TOY_NOTES: notes } });
    const url = `http://127.0.0.1:${port}`;
    expect(before.gateway).toMatchObject({ name: 'gateway', url, state: 'running', restarts: 0 });
    expect(await isUp(url)).toBe(true);
    process.kill(before.gateway?.pid ?? 0, 'SIGKILL');
    await until('the next gateway', async () => (await status(root))?.gateway?.restarts === 1 && isUp(url));
    expect((await status(root))?.gateway).toMatchObject({ url, lastExit: expect.stringContaining('SIGKILL') });
    // Its port is its own business.
    const lines = (await readFile(notes, 'utf8')).trim().split('\n');
    const withPort = lines
      .map((line) => noteSchema.parse(JSON.parse(line)))
      .filter(({ names }) => names.includes('SWITCHYARD_GATEWAY_PORT'));
    expect(withPort).toHaveLength(2);
    expect(lines).toHaveLength(3);
  });

  it('is waited for, and its log is shown when it does not start', async () => {
    await expect(start({ workers: [], gateway: { entry }, workerEnv: { TOY_FAIL: '1' } })).rejects.toThrow(
      /gateway ends again and again \(exit code 3[^]*no such database/,
    );
    expect(await marked()).toEqual([]);
  });
});

describe('the supervisor', () => {
  it('starts a worker again that was killed', async () => {
    const { status: before } = await start();
    const pid = before.workers[0]?.pid ?? 0;
    process.kill(pid, 'SIGKILL');
    await until('the next worker', async () => {
      const worker = (await status(root))?.workers[0];
      return worker?.state === 'running' && worker.pid !== pid;
    });
    expect((await status(root))?.workers[0]).toMatchObject({
      restarts: 1,
      lastExit: expect.stringContaining('SIGKILL'),
    });
  });

  it('starts the servers again on the same ports when they are killed', async () => {
    const { status: before } = await start({ workers: [] });
    const killed = await readState(stackLayout(root));
    for (const { pid } of killed?.processes ?? []) process.kill(pid, 'SIGKILL');
    await until('both servers', async () => {
      if (!(await listens(before.temporal.address))) return false;
      return one(before.postgres.url, 'select 1').then(
        (value) => value === 1,
        () => false,
      );
    });
    const pids = (state: StackState | undefined) => state?.processes.map(({ pid }) => pid) ?? [];
    expect(pids(await readState(stackLayout(root)))).not.toEqual(pids(killed));
  });
});

describe('down', () => {
  it('stops everything, also what a worker left behind', async () => {
    await start({ workers: [toy, { ...toy, name: 'second-worker' }], workerEnv: { TOY_LEAVES_CHILD: '1' } });
    expect((await marked()).length).toBeGreaterThanOrEqual(7);
    expect(await down(root)).toMatchObject({ wasRunning: true });
    expect(await marked()).toEqual([]);
    expect(await status(root)).toBeNull();
    expect(await environment(root)).toBeNull();
  });

  it('cleans up after a supervisor that was killed', async () => {
    await start({ workerEnv: { TOY_LEAVES_CHILD: '1' } });
    const state = await readState(stackLayout(root));
    process.kill(state?.supervisor.pid ?? 0, 'SIGKILL');
    expect((await down(root)).leftovers).toBeGreaterThanOrEqual(4);
    expect(await marked()).toEqual([]);
  });

  it('cleans up after a supervisor that was killed and whose state file is gone', async () => {
    await start();
    const layout = stackLayout(root);
    const state = await readState(layout);
    process.kill(state?.supervisor.pid ?? 0, 'SIGKILL');
    await rm(layout.stateFile);
    await down(root);
    expect(await listens(state?.temporal?.address ?? '')).toBe(false);
    expect(await marked()).toEqual([]);
  });

  it('lets the next up clean up after a supervisor that was killed', async () => {
    await start();
    const before = await readState(stackLayout(root));
    process.kill(before?.supervisor.pid ?? 0, 'SIGKILL');
    const lines: string[] = [];
    const again = await start({ progress: (line) => lines.push(line) });
    expect(again.joined).toBe(false);
    expect(lines.join('\n')).toMatch(/ended \d+ processes that a crashed stack had left/);
    expect(await one(again.status.postgres.url, 'select 1')).toBe(1);
  });

  it('does nothing where no stack is', async () => {
    expect(await down(root)).toEqual({ wasRunning: false, leftovers: 0 });
  });
});
