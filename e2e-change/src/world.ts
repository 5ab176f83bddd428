import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { TASK_QUEUES } from '@switchyard/contracts';
import { createDatabase, parseDatabaseConfig } from '@switchyard/shared-db';
import { openStore, readEvents, type Store } from '@switchyard/store';
import { createTestDatabase, replayAll, temporal, type PostgresForTests } from '@switchyard/testkit';
import { Client, Connection } from '@temporalio/client';
import { openTarget, type TargetDatabase } from './target.js';
import { startWorker, type WorkerName, type WorkerProcess } from './worker-process.js';

/** A store, a target database and a Temporal client for one test file, with workers as they are asked for. */
export interface World extends AsyncDisposable {
  readonly client: Client;
  readonly store: Store;
  readonly target: TargetDatabase;
  readonly start: (name: WorkerName, env?: Readonly<Record<string, string>>) => Promise<WorkerProcess>;
  readonly events: (runId: string) => ReturnType<typeof readEvents>;
}

/** Options of {@link openWorld}. */
export interface WorldOptions {
  /** Server of the target database. Default: that of the test run. */
  readonly server?: PostgresForTests;
}

const QUEUES = { 'migration-worker': TASK_QUEUES.migration, 'cdc-worker': TASK_QUEUES.cdc } as const;

export async function openWorld({ server }: WorldOptions = {}): Promise<World> {
  const opened: (() => Promise<unknown>)[] = [];
  const home = await createTestDatabase();
  opened.push(() => home.drop());
  const admin = createDatabase({ role: 'admin', config: parseDatabaseConfig(home.env), applicationName: 'test' });
  opened.push(() => admin.close());
  const key = randomBytes(32).toString('base64');
  const store = openStore({ knex: admin.knex, key });
  opened.push(() => store.close());
  await store.migrate();
  const target = await openTarget(server);
  opened.push(() => target.drop());
  const { address, namespace } = temporal();
  const connection = await Connection.connect({ address });
  opened.push(() => connection.close());
  const client = new Client({ connection, namespace });
  const since = new Date();
  // A run that a failed test left would go on in the next world, on its tables.
  opened.push(async () => {
    const queues = Object.values(QUEUES).map((queue) => `TaskQueue = '${queue}'`);
    const open = client.workflow.list({ query: `ExecutionStatus = 'Running' and (${queues.join(' or ')})` });
    for await (const { workflowId } of open) {
      await client.workflow
        .getHandle(workflowId)
        .terminate('its test is over')
        .catch(() => undefined);
    }
  });
  for (const [name, taskQueue] of Object.entries(QUEUES)) {
    const codePath = fileURLToPath(new URL(`../../apps/${name}/dist/workflow-bundle.js`, import.meta.url));
    // Every run of this world is replayed at its end: what is not deterministic comes out there.
    opened.push(() => replayAll({ client, workflowBundle: { codePath }, taskQueue, since }));
  }
  const base = await mkdtemp(path.join(tmpdir(), 'schema-change-'));
  opened.push(() => rm(base, { recursive: true, force: true }));
  const passwordFile = path.join(base, 'password');
  await writeFile(passwordFile, target.password, { mode: 0o600 });
  const { host, port, name: database, user } = target;
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([variable]) => ['PATH', 'HOME', 'LANG'].includes(variable)),
  ) as Record<string, string>;

  return {
    client,
    store,
    target,
    async start(name, env = {}) {
      const worker = await startWorker(name, {
        cwd: base,
        env: {
          ...inherited,
          ...home.env,
          TEMPORAL_ADDRESS: address,
          TEMPORAL_NAMESPACE: namespace,
          SWITCHYARD_PROJECT_ROOTS: base,
          SWITCHYARD_WORK_DIR: path.join(base, 'work', randomUUID()),
          SWITCHYARD_BACKUP_DIR: path.join(base, 'backups'),
          SWITCHYARD_ARTIFACT_KEY: key,
          SWITCHYARD_DATABASES: JSON.stringify({ app: { host, port, database, user, passwordFile } }),
          ...env,
        },
      });
      opened.push(worker.stop);
      return worker;
    },
    events: (runId) => readEvents(store.db, { runId, limit: 10_000 }),
    async [Symbol.asyncDispose]() {
      for (const close of opened.toReversed()) await close();
    },
  };
}
