import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { booleanFlag, writeFlag, type WriteVariant } from '@switchyard/flags';
import { createDatabase, parseDatabaseConfig, type Database } from '@switchyard/shared-db';
import { laggards, migrate, setFlag } from '@switchyard/store';
import { createTestDatabase, waitFor } from '@switchyard/testkit';
import pg from 'pg';
import { READ_FLAG, WRITE_FLAG } from '../src/flags/flags.js';

const GATEWAY = fileURLToPath(new URL('../../../apps/gateway/dist/main.js', import.meta.url));
const SERVICE = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const TOKEN = `test-${randomUUID()}`;

/** The table of the example, as it is before the change. */
export const USERS_TABLE = `
  create table public.users (
    id uuid primary key,
    name text not null,
    email text not null unique,
    updated_at timestamptz not null default now()
  )`;

/** A process that a test started. */
export interface Started {
  readonly url: string;
  readonly pid: number;
  /** Everything that it wrote, for the message of a test that fails. */
  output(): string;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM; gives the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
}

/** A replica of the service. */
export interface Replica extends Started {
  readonly instance: string;
}

/** One gateway, its store, and the database of the service. */
export interface World extends AsyncDisposable {
  readonly users: pg.Pool;
  readonly store: Database['knex'];
  gateway: Started;
  startGateway(): Promise<void>;
  startReplica(): Promise<Replica>;
  /** Sets the share of reads of the new columns; gives the version. */
  setReads(percent: number): Promise<number>;
  setWrites(variant: WriteVariant): Promise<number>;
  /** Waits until all of the service uses a version. */
  acknowledged(key: string, version: number): Promise<void>;
}

/** Options of {@link openWorld}. */
export interface WorldOptions {
  /** As SWITCHYARD_FLAG_LEASE. */
  readonly lease: string;
  /** Milliseconds of silence after which a replica counts as gone. */
  readonly aliveWithinMs?: number;
}

/** Starts a gateway that asks for a token, and makes the table of the service. */
export async function openWorld({ lease, aliveWithinMs }: WorldOptions): Promise<World> {
  const [storeDatabase, usersDatabase] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  const database = createDatabase({
    role: 'app',
    config: parseDatabaseConfig(storeDatabase.env),
    applicationName: 'test',
  });
  await migrate(database.knex);
  const users = new pg.Pool({ connectionString: usersDatabase.url });
  users.on('error', () => undefined);
  await users.query(USERS_TABLE);
  const folder = await mkdtemp(join(tmpdir(), 'users-service-'));
  const tokenFile = join(folder, 'token');
  await writeFile(tokenFile, `${TOKEN}\n`);
  const port = await freePort();
  const running = new Set<Started>();

  const start = async (main: string, env: Record<string, string>): Promise<Started & { readonly line: string }> => {
    const started = await startProcess(main, env);
    running.add(started);
    return started;
  };
  const startGateway = (): Promise<Started> =>
    start(GATEWAY, {
      ...storeDatabase.env,
      SWITCHYARD_GATEWAY_PORT: String(port),
      SWITCHYARD_GATEWAY_TOKEN_FILE: tokenFile,
      SWITCHYARD_FLAG_LEASE: lease,
    });
  const set = async (key: string, definition: Parameters<typeof setFlag>[1]['definition']): Promise<number> => {
    const run = { runId: 'test', workflowId: 'test' };
    return (await setFlag(database.knex, { key, definition, run, reason: 'a test' })).version;
  };

  const world: World = {
    users,
    store: database.knex,
    gateway: await startGateway(),
    async startGateway() {
      world.gateway = await startGateway();
    },
    async startReplica() {
      const started = await start(SERVICE, {
        DATABASE_URL: usersDatabase.url,
        GATEWAY_URL: world.gateway.url,
        GATEWAY_TOKEN_FILE: tokenFile,
      });
      const { instance } = JSON.parse(started.line) as { instance: string };
      await waitFor(() => isReady(started), { what: `${instance} to be ready` });
      return { ...started, instance };
    },
    setReads: (percent) => set(READ_FLAG, booleanFlag(percent)),
    setWrites: (variant) => set(WRITE_FLAG, writeFlag(variant)),
    async acknowledged(key, version) {
      const options = { key, version, services: ['users-service'], ...(aliveWithinMs ? { aliveWithinMs } : {}) };
      await waitFor(async () => (await laggards(database.knex, options)).length === 0, {
        what: `version ${version} of ${key} to be acknowledged`,
        timeoutMs: 45_000,
      });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running].map((started) => started.kill()));
      await users.end();
      await database.close();
      await Promise.all([storeDatabase.drop(), usersDatabase.drop(), rm(folder, { recursive: true })]);
    },
  };
  return world;
}

/** Whether a replica says that it serves. */
export async function isReady({ url }: Started): Promise<boolean> {
  return (await fetch(`${url}/ready`)).status === 200;
}

/** Sends a request with a JSON body; the answer's status, and its body where there is one. */
export async function send(method: string, url: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
}

/** Starts a program and waits for the line that tells its address. */
async function startProcess(
  main: string,
  env: Readonly<Record<string, string>>,
): Promise<Started & { readonly line: string }> {
  const child = spawn(process.execPath, ['--enable-source-maps', main], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const line = await waitFor(
    () => (hasEnded(child) ? 'ended' : output.split('\n').find((one) => /^\{.*"url":"http.*\}$/.test(one))),
    { what: `${main} to listen`, timeoutMs: 30_000 },
  );
  if (line === 'ended') throw new Error(`${main} ended: ${output}`);
  return {
    url: /"url":"([^"]+)"/.exec(line)?.[1] ?? '',
    pid: child.pid ?? 0,
    line,
    output: () => output,
    signal: (signal) => void child.kill(signal),
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
    kill: async () => {
      if (!hasEnded(child)) child.kill('SIGKILL');
      await ended;
    },
  };
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
