import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { randomBytes, randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { STATUS_QUERY, TASK_QUEUES, type RunStatus, type TerraformResult } from '@switchyard/contracts';
import { createDatabase, parseDatabaseConfig, type Database } from '@switchyard/shared-db';
import { openStore, readEvents, type Store } from '@switchyard/store';
import { createTestDatabase, leftovers, replayAll, temporal, waitFor, type TestDatabase } from '@switchyard/testkit';
import {
  Client,
  Connection,
  WorkflowFailedError,
  type WorkflowHandle,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';

const BUNDLE = { codePath: fileURLToPath(new URL('../dist/workflow-bundle.js', import.meta.url)) };
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

export type StartedRun = WorkflowHandleWithFirstExecutionRunId;

/** A worker process of its own, as it is run in production. */
export interface WorkerProcess {
  readonly child: ChildProcess;
  readonly workDir: string;
  /** Everything that it has logged. */
  readonly log: () => string;
  readonly kill: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** A database, a project root, and a Temporal client for one test file. */
export interface World extends AsyncDisposable {
  readonly root: string;
  readonly client: Client;
  readonly store: Store;
  readonly startWorker: (env?: Record<string, string>) => Promise<WorkerProcess>;
  /** Writes a stack below the root; gives its path as a caller writes it. */
  readonly stack: (name: string, files: Readonly<Record<string, string>>) => Promise<string>;
  readonly start: (input: unknown, memo?: Record<string, unknown>) => Promise<StartedRun>;
  /** Starts a run and waits for its result. */
  readonly run: (input: unknown) => Promise<TerraformResult>;
  readonly events: (runId: string) => ReturnType<typeof readEvents>;
}

export async function openWorld(): Promise<World> {
  const opened: (() => Promise<unknown>)[] = [];
  const database: TestDatabase = await createTestDatabase();
  opened.push(() => database.drop());
  const admin: Database = createDatabase({
    role: 'admin',
    config: parseDatabaseConfig(database.env),
    applicationName: 'test',
  });
  opened.push(() => admin.close());
  const key = randomBytes(32).toString('base64');
  const store = openStore({ knex: admin.knex, key });
  opened.push(() => store.close());
  await store.migrate();
  const { address, namespace } = temporal();
  const connection = await Connection.connect({ address });
  opened.push(() => connection.close());
  const client = new Client({ connection, namespace });
  // Every run of this world is replayed at its end: what is not deterministic comes out there.
  const since = new Date();
  opened.push(() => replayAll({ client, workflowBundle: BUNDLE, taskQueue: TASK_QUEUES.terraform, since }));
  const base = await realpath(await mkdtemp(path.join(tmpdir(), 'terraform-worker-')));
  opened.push(() => rm(base, { recursive: true, force: true }));
  const root = path.join(base, 'root');
  await mkdir(root);

  let workers = 0;
  const startWorker: World['startWorker'] = async (env = {}) => {
    const workDir = path.join(base, `work-${++workers}`);
    const worker = await spawnWorker({
      ...pick(process.env, ['PATH', 'HOME', 'LANG']),
      ...database.env,
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      SWITCHYARD_PROJECT_ROOTS: root,
      SWITCHYARD_WORK_DIR: workDir,
      SWITCHYARD_ARTIFACT_KEY: key,
      ...env,
    });
    opened.push(worker.stop);
    return { ...worker, workDir: env['SWITCHYARD_WORK_DIR'] ?? workDir };
  };

  const start: World['start'] = (input, memo = {}) =>
    client.workflow.start('TerraformWorkflow', {
      taskQueue: TASK_QUEUES.terraform,
      workflowId: `tf-${randomUUID()}`,
      args: [input],
      memo,
    });

  return {
    root,
    client,
    store,
    startWorker,
    async stack(name, files) {
      for (const [file, text] of Object.entries(files)) {
        const full = path.join(root, name, file);
        await mkdir(path.dirname(full), { recursive: true });
        await writeFile(full, text);
      }
      return name;
    },
    start,
    run: async (input) => (await (await start(input)).result()) as TerraformResult,
    events: (runId) => readEvents(store.db, { runId, limit: 1_000 }),
    async [Symbol.asyncDispose]() {
      for (const close of opened.toReversed()) await close();
    },
  };
}

const pick = (env: NodeJS.ProcessEnv, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));

async function spawnWorker(env: Record<string, string>): Promise<Omit<WorkerProcess, 'workDir'>> {
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  const exited = once(child, 'exit');
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await exited;
  };
  await waitFor(() => child.exitCode !== null || text.includes('"running"'), {
    what: 'the worker to run',
    timeoutMs: 30_000,
  });
  if (child.exitCode !== null) throw new Error(`the worker ended with ${child.exitCode}: ${text}`);
  return { child, log: () => text, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}

export const statusOf = (handle: WorkflowHandle): Promise<RunStatus> => handle.query<RunStatus>(STATUS_QUERY);

/** Waits for a gate to open, whichever unless it is named, and gives what it shows. */
export async function openGateOf(handle: WorkflowHandle, named?: string): Promise<RunStatus['gates'][number]> {
  const isMeant = (name: string): boolean => named === undefined || name === named;
  return waitFor(
    async () => (await statusOf(handle)).gates.find(({ name, state }) => state === 'open' && isMeant(name)),
    { what: `the gate ${named ?? ''} to open` },
  );
}

export async function approve(handle: WorkflowHandle, by = 'ada'): Promise<void> {
  const gate = await openGateOf(handle);
  await handle.executeUpdate('approve', {
    args: [{ gate: gate.name, evidence: gate.evidence, by: { identity: by, channel: 'test' } }],
  });
}

/** The failure that a caller sees. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<{ code: string; message: string; details: Record<string, unknown> }> {
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
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, decode(inner)]));
  };
  return JSON.stringify(decode(await handle.fetchHistory()));
}

/** Processes of a run that still live. */
export async function processesOf({ firstExecutionRunId }: StartedRun): Promise<number> {
  return (await leftovers(`SWITCHYARD_RUN=${firstExecutionRunId}/`)).length;
}

/**
 * The pid of the program that a run's worker has started: the first process that carries the marker. By its start and
 * not by its pid, since pids begin anew.
 */
export async function toolOf({ firstExecutionRunId }: StartedRun): Promise<number> {
  const found = await leftovers(`SWITCHYARD_RUN=${firstExecutionRunId}/`);
  const [tool] = found.toSorted((a, b) => Number(a.startedAt) - Number(b.startedAt));
  if (!tool) throw new Error('the run has no process');
  return tool.pid;
}

export const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
