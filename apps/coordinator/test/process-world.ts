import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MEMO, TASK_QUEUES } from '@switchyard/contracts';
import { createDatabase, parseDatabaseConfig } from '@switchyard/shared-db';
import { openStore, type Store } from '@switchyard/store';
import { createTestDatabase, temporal } from '@switchyard/testkit';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** The coordinator as a process of its own, with a real store. */
export interface ProcessWorld extends AsyncDisposable {
  readonly client: Client;
  readonly store: Store;
  readonly startWorker: () => ChildProcess;
  /** Starts a runbook with these fields beside its head, in the name of ann. */
  readonly start: (book: object, inputs?: Record<string, unknown>) => Promise<WorkflowHandle>;
}

/** Makes a store; no worker runs yet. */
export async function openProcessWorld(): Promise<ProcessWorld> {
  const { address, namespace } = temporal();
  const database = await createTestDatabase();
  const handle = createDatabase({ role: 'app', config: parseDatabaseConfig(database.env), applicationName: 'test' });
  const store = openStore({ knex: handle.knex });
  await store.migrate();
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  const workers: ChildProcess[] = [];
  return {
    client,
    store,
    startWorker() {
      const worker = spawn(process.execPath, [MAIN], {
        env: {
          PATH: process.env['PATH'],
          ...database.env,
          TEMPORAL_ADDRESS: address,
          TEMPORAL_NAMESPACE: namespace,
          SWITCHYARD_LOG_LEVEL: 'warn',
        },
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      workers.push(worker);
      return worker;
    },
    start: (book, inputs) =>
      client.workflow.start('RunbookWorkflow', {
        taskQueue: TASK_QUEUES.coordinator,
        workflowId: `process-${randomUUID().slice(0, 8)}`,
        memo: { [MEMO.startedBy]: 'ann' },
        args: [
          {
            runbook: { apiVersion: 'switchyard.dev/v1', kind: 'Runbook', metadata: { name: 'process' }, ...book },
            ...(inputs ? { inputs } : {}),
          },
        ],
      }),
    async [Symbol.asyncDispose]() {
      for (const worker of workers.filter((one) => one.exitCode === null && one.signalCode === null)) {
        worker.kill('SIGKILL');
        await once(worker, 'exit');
      }
      await connection.close();
      await store.close();
      await handle.close();
      await database.drop();
    },
  };
}
