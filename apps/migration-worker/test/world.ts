import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { STATUS_QUERY, TASK_QUEUES, type MigrationResult, type RunStatus } from '@switchyard/contracts';
import { obtainTools, toolEnvironment } from '@switchyard/local-stack';
import { createDatabase, parseDatabaseConfig, type Database } from '@switchyard/shared-db';
import { openStore, readEvents, type Store } from '@switchyard/store';
import {
  createTestDatabase,
  leftovers,
  replayAll,
  temporal,
  waitFor,
  type PostgresForTests,
  type TestDatabase,
} from '@switchyard/testkit';
import { Client, Connection, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import pg from 'pg';
import { spawnWorker, type WorkerProcess } from './worker-process.js';

const BUNDLE = { codePath: fileURLToPath(new URL('../dist/workflow-bundle.js', import.meta.url)) };

/** A target database owned by an ordinary user with a password that is easy to search for. */
export interface TargetDatabase {
  readonly name: string;
  readonly user: string;
  readonly password: string;
  readonly host: string;
  readonly port: number;
  readonly query: <R extends object>(sql: string) => Promise<R[]>;
}

/** A store, a target database, a project root, and a Temporal client for one test file. */
export interface World extends AsyncDisposable {
  readonly root: string;
  readonly backups: string;
  readonly client: Client;
  readonly store: Store;
  readonly target: TargetDatabase;
  /** The connection `second`, on the server of the test run. */
  readonly second: TargetDatabase;
  readonly startWorker: (env?: Record<string, string>) => Promise<WorkerProcess>;
  /** Writes files below a directory of the root; gives the directory as a caller writes it. */
  readonly files: (name: string, files: Readonly<Record<string, string>>) => Promise<string>;
  /** Command lines of the tools that the workers have started so far. */
  readonly commandLines: () => Promise<string[]>;
  readonly start: (input: unknown) => Promise<WorkflowHandle>;
  readonly run: (input: unknown) => Promise<MigrationResult>;
  readonly events: (runId: string) => ReturnType<typeof readEvents>;
}

/** Options of {@link openWorld}. */
export interface WorldOptions {
  /** Server of the target database. Default: that of the test run. */
  readonly targetServer?: PostgresForTests;
}

export async function openWorld({ targetServer }: WorldOptions = {}): Promise<World> {
  const opened: (() => Promise<unknown>)[] = [];
  const home: TestDatabase = await createTestDatabase();
  opened.push(() => home.drop());
  const admin: Database = createDatabase({
    role: 'admin',
    config: parseDatabaseConfig(home.env),
    applicationName: 'test',
  });
  opened.push(() => admin.close());
  const key = randomBytes(32).toString('base64');
  const store = openStore({ knex: admin.knex, key });
  opened.push(() => store.close());
  await store.migrate();
  const target = await openTarget(targetServer, opened);
  const second = await openTarget(undefined, opened);
  const { address, namespace } = temporal();
  const connection = await Connection.connect({ address });
  opened.push(() => connection.close());
  const client = new Client({ connection, namespace });
  // Every run of this world is replayed at its end: what is not deterministic comes out there.
  const since = new Date();
  opened.push(() => replayAll({ client, workflowBundle: BUNDLE, taskQueue: TASK_QUEUES.migration, since }));
  const base = await realpath(await mkdtemp(path.join(tmpdir(), 'migration-worker-')));
  opened.push(() => rm(base, { recursive: true, force: true }));
  const root = path.join(base, 'root');
  await mkdir(root);
  await writeFile(path.join(base, 'password'), target.password, { mode: 0o600 });
  await writeFile(path.join(base, 'second-password'), second.password, { mode: 0o600 });
  const tools = await recorded(
    base,
    toolEnvironment(await obtainTools({ only: ['postgres-client', 'java', 'liquibase'] })),
  );
  const { host, port, name, user } = target;
  const entry = { host, port, database: name, user, passwordFile: path.join(base, 'password') };
  const backups = path.join(base, 'backups');

  return {
    root,
    backups,
    client,
    store,
    target,
    second,
    async startWorker(env = {}) {
      const inherited = Object.entries(process.env).filter(([variable]) =>
        ['PATH', 'HOME', 'LANG'].includes(variable),
      ) as [string, string][];
      const worker = await spawnWorker(
        {
          ...Object.fromEntries(inherited),
          ...home.env,
          ...tools,
          TEMPORAL_ADDRESS: address,
          TEMPORAL_NAMESPACE: namespace,
          SWITCHYARD_PROJECT_ROOTS: root,
          SWITCHYARD_WORK_DIR: path.join(base, 'work'),
          SWITCHYARD_BACKUP_DIR: backups,
          SWITCHYARD_ARTIFACT_KEY: key,
          SWITCHYARD_DATABASES: JSON.stringify({
            app: entry,
            second: {
              host: second.host,
              port: second.port,
              database: second.name,
              user: second.user,
              passwordFile: path.join(base, 'second-password'),
            },
            'wrong-password': { ...entry, passwordFile: '/proc/sys/kernel/ostype' },
            'no-such-database': { ...entry, database: 'nowhere' },
            'nobody-listens': { ...entry, host: '127.0.0.1', port: 1 },
          }),
          ...env,
        },
        base,
      );
      opened.push(worker.stop);
      return worker;
    },
    async files(folder, files) {
      for (const [file, text] of Object.entries(files)) {
        const full = path.join(root, folder, file);
        await mkdir(path.dirname(full), { recursive: true });
        await writeFile(full, text);
      }
      return folder;
    },
    commandLines: async () => (await readFile(path.join(base, 'command-lines'), 'utf8')).trim().split('\n'),
    start: (input) => start(client, input),
    run: async (input) => (await (await start(client, input)).result()) as MigrationResult,
    events: (runId) => readEvents(store.db, { runId, limit: 1_000 }),
    async [Symbol.asyncDispose]() {
      for (const close of opened.toReversed()) await close();
    },
  };
}

/** Puts a script before each tool that writes its command line down and becomes the tool. */
async function recorded(base: string, tools: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const directory = path.join(base, 'bin');
  await mkdir(directory);
  const put = (name: string, real: string): Promise<void> =>
    writeFile(
      path.join(directory, name),
      `#!/bin/sh\nprintf '%s\\n' "${name} $*" >> '${base}/command-lines'\nexec '${real}' "$@"\n`,
      { mode: 0o755 },
    );
  const postgresBin = tools['SWITCHYARD_PG_BIN'] ?? '';
  await Promise.all(['pg_dump', 'pg_restore', 'psql'].map((name) => put(name, path.join(postgresBin, name))));
  await put('java', tools['SWITCHYARD_JAVA_BIN'] ?? '');
  return { ...tools, SWITCHYARD_PG_BIN: directory, SWITCHYARD_JAVA_BIN: path.join(directory, 'java') };
}

function start(client: Client, input: unknown): Promise<WorkflowHandle> {
  return client.workflow.start('DatabaseMigrationWorkflow', {
    taskQueue: TASK_QUEUES.migration,
    workflowId: `migration-${randomUUID()}`,
    args: [input],
  });
}

async function openTarget(
  server: PostgresForTests | undefined,
  opened: (() => Promise<unknown>)[],
): Promise<TargetDatabase> {
  const database = await createTestDatabase(server ? { server } : {});
  const user = `owner_${randomBytes(4).toString('hex')}`;
  const password = `p4ss-${randomBytes(9).toString('hex')}`;
  const { name, host, port } = database;
  await queryOnce(database.url, `create role ${user} login password '${password}'`);
  await queryOnce(database.url, `alter database ${name} owner to ${user}`);
  opened.push(async () => {
    await database.drop();
    await queryOnce(database.url.replace(/\/[^/]+$/, '/postgres'), `drop role ${user}`);
  });
  const url = `postgresql://${user}:${password}@${host}:${port}/${name}`;
  return { name, host, port, user, password, query: (sql) => queryOnce(url, sql) };
}

async function queryOnce<R extends object>(connectionString: string, sql: string): Promise<R[]> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<R>(sql)).rows;
  } finally {
    await client.end();
  }
}

export const statusOf = (handle: WorkflowHandle): Promise<RunStatus> => handle.query<RunStatus>(STATUS_QUERY);

/** Waits until the status of a run is as it should be. */
export function waitForStatus(
  handle: WorkflowHandle,
  what: string,
  isSo: (status: RunStatus) => boolean,
  timeoutMs = 60_000,
): Promise<RunStatus> {
  return waitFor(
    async () => {
      const status = await statusOf(handle);
      return isSo(status) ? status : undefined;
    },
    { what, timeoutMs },
  );
}

/** Waits until the run records an event of this type. */
export function waitForEvent(world: World, handle: WorkflowHandle, type: string): Promise<unknown> {
  return waitFor(async () => (await world.events(handle.workflowId)).find((event) => event.type === type), {
    what: `event ${type}`,
    timeoutMs: 60_000,
  });
}

/** What the caller of a failed run sees. */
export interface SeenFailure {
  readonly code: string;
  readonly message: string;
  readonly details: Record<string, unknown>;
}

export async function failureOf(promise: Promise<unknown>): Promise<SeenFailure> {
  try {
    await promise;
  } catch (error) {
    const cause = error instanceof WorkflowFailedError ? error.cause : error;
    if (cause instanceof ApplicationFailure) {
      return {
        code: cause.type ?? '',
        message: cause.message,
        details: (cause.details?.[0] ?? {}) as Record<string, unknown>,
      };
    }
    return { code: cause instanceof Error ? cause.name : 'unknown', message: String(cause), details: {} };
  }
  throw new Error('it was expected to fail, and did not');
}

/** What a run keeps in Temporal, as text, payloads decoded. */
export async function historyOf(handle: WorkflowHandle): Promise<string> {
  const decode = (value: unknown): unknown => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
    if (Array.isArray(value)) return value.map(decode);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, decode(inner)]));
  };
  return JSON.stringify(decode(await handle.fetchHistory()));
}

/** Processes of a run that still live. */
export async function processesOf(handle: WorkflowHandle): Promise<number> {
  const { raw } = await handle.describe();
  const info = raw.workflowExecutionInfo;
  return (await leftovers(`SWITCHYARD_RUN=${info?.firstRunId || (info?.execution?.runId ?? '')}/`)).length;
}
