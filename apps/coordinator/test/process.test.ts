import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MEMO } from '@switchyard/contracts';
import { createDatabase, parseDatabaseConfig, type Database } from '@switchyard/shared-db';
import { listDecisions, openStore, readEvents, type Store } from '@switchyard/store';
import { createTestDatabase, temporal, waitFor, type TestDatabase } from '@switchyard/testkit';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

describe('the coordinator as a process', () => {
  let database: TestDatabase;
  let handle: Database;
  let store: Store;
  let connection: Connection;
  let client: Client;
  const workers: ChildProcess[] = [];

  beforeAll(async () => {
    const { address, namespace } = temporal();
    database = await createTestDatabase();
    handle = createDatabase({ role: 'app', config: parseDatabaseConfig(database.env), applicationName: 'test' });
    store = openStore({ knex: handle.knex });
    await store.migrate();
    connection = await Connection.connect({ address });
    client = new Client({ connection, namespace });
  });
  afterAll(async () => {
    for (const worker of workers.filter((one) => one.exitCode === null && one.signalCode === null)) {
      worker.kill('SIGKILL');
      await once(worker, 'exit');
    }
    await connection.close();
    await store.close();
    await handle.close();
    await database.drop();
  });

  const start = (): ChildProcess => {
    const { address, namespace } = temporal();
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
  };

  it('goes on with a run when it was killed in the middle of it, and keeps events and decisions', async () => {
    const first = start();
    const run = await client.workflow.start('RunbookWorkflow', {
      taskQueue: 'coordinator-queue',
      workflowId: `process-${randomUUID().slice(0, 8)}`,
      memo: { [MEMO.startedBy]: 'ann' },
      args: [
        {
          runbook: {
            apiVersion: 'switchyard.dev/v1',
            kind: 'Runbook',
            metadata: { name: 'process' },
            steps: [
              { id: 'first', uses: 'wait', with: { for: 50 } },
              { id: 'gate', uses: 'approval', needs: ['first'], with: { title: 'go on?' } },
              { id: 'last', uses: 'wait', needs: ['gate'], with: { for: 50 } },
            ],
          },
        },
      ],
    });
    await waitFor(async () => ((await run.query<{ gates: unknown[] }>('status')).gates.length > 0 ? true : undefined), {
      timeoutMs: 30_000,
      what: 'the gate is open',
    });
    first.kill('SIGKILL');
    await once(first, 'exit');
    const second = start();
    await run.signal('gate', { reason: 'fine' });
    expect(await run.result()).toMatchObject({ steps: { last: { outcome: 'successful' } } });
    const types = (await readEvents(store.db, { runId: run.workflowId, after: 0, limit: 100 })).map(
      (event) => event.type,
    );
    expect(types[0]).toBe('run_started');
    expect(types.at(-1)).toBe('run_finished');
    expect(types.filter((type) => type === 'step_done')).toHaveLength(3);
    const decisions = await listDecisions(store.db, { runId: run.workflowId });
    expect(decisions).toMatchObject([{ subject: 'gate', decision: 'approve', by: 'unauthenticated', reason: 'fine' }]);
    second.kill('SIGTERM');
    const [code] = (await once(second, 'exit')) as [number | null];
    expect(code).toBe(0);
  });
});
