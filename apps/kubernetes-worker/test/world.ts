import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  runStatusSchema,
  STATUS_QUERY,
  TASK_QUEUES,
  type KubernetesInputGiven,
  type KubernetesResult,
  type RunStatus,
} from '@switchyard/contracts';
import { createDatabase, parseDatabaseConfig } from '@switchyard/shared-db';
import { openStore, readEvents } from '@switchyard/store';
import {
  createTestDatabase,
  replayAll,
  startKubernetes,
  startTcpProxy,
  temporal,
  type StartedKubernetes,
  type TcpProxy,
} from '@switchyard/testkit';
import { Client, Connection, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
export const BUNDLE = { codePath: fileURLToPath(new URL('../dist/workflow-bundle.js', import.meta.url)) };

/** A worker process, a cluster of its own, and a directory with manifests. Its context `proxied` goes through a proxy. */
export interface World extends AsyncDisposable {
  readonly client: Client;
  readonly cluster: StartedKubernetes;
  readonly proxy: TcpProxy;
  /** Writes a file below the project root. */
  readonly write: (name: string, content: string | object) => Promise<void>;
  /** A new namespace. */
  readonly namespace: () => Promise<string>;
  readonly start: (input: KubernetesInputGiven | object) => Promise<WorkflowHandle>;
  /** Types of the events of a run with what they are about. */
  readonly events: (handle: WorkflowHandle) => Promise<string[]>;
  readonly killWorker: () => Promise<void>;
  readonly startWorker: () => void;
}

export async function openWorld(): Promise<World> {
  const { address, namespace } = temporal();
  const [database, cluster, root] = await Promise.all([
    createTestDatabase(),
    startKubernetes(),
    mkdtemp(join(tmpdir(), 'switchyard-manifests-')),
  ]);
  const handle = createDatabase({ role: 'app', config: parseDatabaseConfig(database.env), applicationName: 'test' });
  const store = openStore({ knex: handle.knex });
  await store.migrate();
  const proxy = await startTcpProxy(cluster.port);
  const kubeconfig = join(root, 'kubeconfig.json');
  await writeFile(kubeconfig, await withProxied(cluster, proxy.port));
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  const since = new Date();
  let namespaces = 0;
  const spawnWorker = (): ChildProcess =>
    spawn(process.execPath, [MAIN], {
      env: {
        PATH: process.env['PATH'],
        ...database.env,
        TEMPORAL_ADDRESS: address,
        TEMPORAL_NAMESPACE: namespace,
        SWITCHYARD_LOG_LEVEL: 'error',
        SWITCHYARD_PROJECT_ROOTS: root,
        SWITCHYARD_KUBECONFIG: kubeconfig,
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  let worker = spawnWorker();
  return {
    client,
    cluster,
    proxy,
    async write(name, content) {
      const file = join(root, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
    },
    async namespace() {
      namespaces += 1;
      const name = `test-${namespaces}`;
      await cluster.ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      return name;
    },
    start: (input) =>
      client.workflow.start('KubernetesApplyWorkflow', {
        taskQueue: TASK_QUEUES.kubernetes,
        workflowId: `kubernetes-${randomUUID().slice(0, 8)}`,
        args: [input],
        workflowExecutionTimeout: '3 minutes',
      }),
    async events({ workflowId }) {
      const events = await readEvents(store.db, { runId: workflowId, limit: 1_000 });
      return events.map(({ type, subject }) => (subject === null ? type : `${type} ${subject}`));
    },
    async killWorker() {
      worker.kill('SIGKILL');
      await once(worker, 'exit');
    },
    startWorker() {
      worker = spawnWorker();
    },
    async [Symbol.asyncDispose]() {
      worker.kill('SIGTERM');
      await once(worker, 'exit');
      await replayAll({ client, workflowBundle: BUNDLE, taskQueue: TASK_QUEUES.kubernetes, since });
      await connection.close();
      await store.close();
      await handle.close();
      await database.drop();
      await proxy[Symbol.asyncDispose]();
      await cluster.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function withProxied(cluster: StartedKubernetes, port: number): Promise<string> {
  const config = JSON.parse(await readFile(cluster.kubeconfig, 'utf8')) as {
    clusters: { name: string; cluster: Record<string, string> }[];
    contexts: object[];
  };
  const [own] = config.clusters;
  config.clusters.push({ name: 'proxied', cluster: { ...own?.cluster, server: `https://127.0.0.1:${port}` } });
  config.contexts.push({ name: 'proxied', context: { cluster: 'proxied', user: 'admin' } });
  return JSON.stringify(config);
}

export const resultOf = async (handle: WorkflowHandle): Promise<KubernetesResult> =>
  (await handle.result()) as KubernetesResult;

/** What was done to which object, in order. */
export const changesOf = ({ objects }: KubernetesResult): string[] =>
  objects.map(({ kind, name, change }) => `${kind} ${name} ${change}`);

/** The coded failure of a run that must fail. */
export async function failureOf(handle: WorkflowHandle): Promise<ApplicationFailure> {
  const error: unknown = await handle.result().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure) return error.cause;
  throw new Error('the run did not fail with an ApplicationFailure', { cause: error });
}

export const statusOf = async (handle: WorkflowHandle): Promise<RunStatus> =>
  runStatusSchema.parse(await handle.query(STATUS_QUERY));
