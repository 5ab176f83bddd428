import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { STATUS_QUERY, TASK_QUEUES, type AnsibleResult, type RunStatus, type StoredEvent } from '@switchyard/contracts';
import { obtainTools, toolEnvironment } from '@switchyard/local-stack';
import { createDatabase, parseDatabaseConfig } from '@switchyard/shared-db';
import { openStore, readEvents, type Store } from '@switchyard/store';
import {
  createTestDatabase,
  leftovers,
  replayAll,
  temporal,
  waitFor,
  type TemporalForTests,
} from '@switchyard/testkit';
import { Client, Connection, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';

const BUNDLE = { codePath: fileURLToPath(new URL('../dist/workflow-bundle.js', import.meta.url)) };
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** A worker process of its own, as it is run in production. */
export interface WorkerProcess {
  readonly child: ChildProcess;
  readonly log: () => string;
  readonly kill: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** A database, a project root, and a Temporal client for one test file. */
export interface World extends AsyncDisposable {
  readonly root: string;
  readonly workDir: string;
  readonly ansibleBin: string;
  readonly client: Client;
  readonly store: Store;
  readonly startWorker: (env?: Record<string, string>) => Promise<WorkerProcess>;
  /** Writes a file below the root; gives its path as a caller writes it. */
  readonly file: (name: string, text: string, mode?: number) => Promise<string>;
  /** The text of a file below the root; empty when there is none. */
  readonly read: (name: string) => Promise<string>;
  readonly start: (input: unknown, workflowId?: string) => Promise<WorkflowHandle>;
  /** Starts a run and waits for its result. */
  readonly run: (input: unknown) => Promise<AnsibleResult>;
  readonly events: (runId: string) => Promise<readonly StoredEvent[]>;
}

/** The tools of this machine, as workers find them. */
export async function ansibleEnvironment(): Promise<Readonly<Record<string, string>>> {
  const given = process.env['SWITCHYARD_ANSIBLE_BIN'];
  return given ? { SWITCHYARD_ANSIBLE_BIN: given } : toolEnvironment(await obtainTools({ only: ['ansible'] }));
}

/** @param server the Temporal server; default: that of the test run */
export async function openWorld(server: TemporalForTests = temporal()): Promise<World> {
  const opened: (() => Promise<unknown>)[] = [];
  const database = await createTestDatabase();
  opened.push(() => database.drop());
  const admin = createDatabase({ role: 'admin', config: parseDatabaseConfig(database.env), applicationName: 'test' });
  opened.push(() => admin.close());
  const key = randomBytes(32).toString('base64');
  const store = openStore({ knex: admin.knex, key });
  opened.push(() => store.close());
  await store.migrate();
  const { address, namespace } = server;
  const connection = await Connection.connect({ address });
  opened.push(() => connection.close());
  const client = new Client({ connection, namespace });
  // Every run of this world is replayed at its end: what is not deterministic comes out there.
  const since = new Date();
  opened.push(() => replayAll({ client, workflowBundle: BUNDLE, taskQueue: TASK_QUEUES.ansible, since }));
  const base = await realpath(await mkdtemp(path.join(tmpdir(), 'ansible-worker-')));
  opened.push(() => rm(base, { recursive: true, force: true }));
  const root = path.join(base, 'root');
  const workDir = path.join(base, 'work');
  await mkdir(root);
  const tools = await ansibleEnvironment();

  const startWorker: World['startWorker'] = async (env = {}) => {
    const worker = await spawnWorker({
      ...pick(process.env, ['PATH', 'HOME', 'LANG']),
      ...database.env,
      ...tools,
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      SWITCHYARD_PROJECT_ROOTS: root,
      SWITCHYARD_WORK_DIR: workDir,
      SWITCHYARD_ARTIFACT_KEY: key,
      ...env,
    });
    opened.push(worker.stop);
    return worker;
  };

  const start: World['start'] = (input, workflowId = `play-${randomUUID()}`) =>
    client.workflow.start('AnsibleWorkflow', { taskQueue: TASK_QUEUES.ansible, workflowId, args: [input] });

  return {
    root,
    workDir,
    ansibleBin: tools['SWITCHYARD_ANSIBLE_BIN'] ?? '',
    client,
    store,
    startWorker,
    async file(name, text, mode) {
      const full = path.join(root, name);
      await mkdir(path.dirname(full), { recursive: true });
      await writeFile(full, text);
      if (mode !== undefined) await chmod(full, mode);
      return name;
    },
    read: (name) => readFile(path.join(root, name), 'utf8').catch(() => ''),
    start,
    run: async (input) => (await (await start(input)).result()) as AnsibleResult,
    events: (runId) => readEvents(store.db, { runId, limit: 1_000 }),
    async [Symbol.asyncDispose]() {
      for (const close of opened.toReversed()) await close();
    },
  };
}

const pick = (env: NodeJS.ProcessEnv, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));

async function spawnWorker(env: Record<string, string>): Promise<WorkerProcess> {
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const exited = once(child, 'exit');
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await exited;
  };
  await waitFor(
    () => {
      if (child.exitCode !== null) throw new Error(`the worker ended with ${child.exitCode}: ${text}`);
      return text.includes('"running"');
    },
    { what: 'the worker to run', timeoutMs: 30_000 },
  );
  return { child, log: () => text, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}

export const statusOf = (handle: WorkflowHandle): Promise<RunStatus> => handle.query<RunStatus>(STATUS_QUERY);

/** The failure that a caller sees. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<{ code: string; message: string; details: AnsibleResult }> {
  try {
    await promise;
  } catch (error) {
    const cause = error instanceof WorkflowFailedError ? error.cause : error;
    if (cause instanceof CancelledFailure)
      return { code: 'Cancelled', message: cause.message, details: {} as AnsibleResult };
    if (cause instanceof ApplicationFailure) {
      return { code: cause.type ?? '', message: cause.message, details: (cause.details?.[0] ?? {}) as AnsibleResult };
    }
    return { code: 'unknown', message: String(cause), details: {} as AnsibleResult };
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
export async function processesOf(handle: WorkflowHandle): Promise<number> {
  const { raw } = await handle.describe();
  const executionId = raw.workflowExecutionInfo?.firstRunId ?? raw.workflowExecutionInfo?.execution?.runId ?? '';
  return (await leftovers(`SWITCHYARD_RUN=${executionId}/`)).length;
}

/** A play over all hosts on local connections, with raw tasks: no Python on the targets is needed. */
export const play = (tasks: string, hosts = 'all', more = ''): string =>
  `- hosts: ${hosts}\n  connection: local\n  gather_facts: false\n${more}  tasks:\n${tasks.replaceAll(/^/gm, '    ')}\n`;
