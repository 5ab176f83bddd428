import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createDatabase, parseDatabaseConfig, type Database } from '@switchyard/shared-db';
import { openStore, readEvents, type Store } from '@switchyard/store';
import { createTestDatabase, fakeHttp, temporal, waitFor, type FakeHttp, type TestDatabase } from '@switchyard/testkit';
import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const CALLER_QUEUE = `caller-${randomUUID()}`;

Runtime.install({ logger: new DefaultLogger('ERROR') });

describe('the integration worker as a process', () => {
  let database: TestDatabase;
  let handle: Database;
  let store: Store;
  let connection: Connection;
  let client: Client;
  let worker: ChildProcess;
  let fake: FakeHttp;
  let stopCaller: () => Promise<void>;

  beforeAll(async () => {
    const { address, namespace } = temporal();
    database = await createTestDatabase();
    handle = createDatabase({ role: 'app', config: parseDatabaseConfig(database.env), applicationName: 'test' });
    store = openStore({ knex: handle.knex });
    await store.migrate();
    fake = await fakeHttp();
    connection = await Connection.connect({ address });
    client = new Client({ connection, namespace });
    const native = await NativeConnection.connect({ address });
    const caller = await Worker.create({
      connection: native,
      namespace,
      taskQueue: CALLER_QUEUE,
      workflowBundle: await bundleWorkflowCode({
        workflowsPath: fileURLToPath(new URL('fixtures/caller.ts', import.meta.url)),
        logger: new DefaultLogger('ERROR'),
      }),
    });
    const running = caller.run();
    stopCaller = async () => {
      caller.shutdown();
      await running;
      await native.close();
    };
    worker = spawn(process.execPath, [MAIN], {
      env: {
        PATH: process.env['PATH'],
        ...database.env,
        TEMPORAL_ADDRESS: address,
        TEMPORAL_NAMESPACE: namespace,
        SWITCHYARD_LOG_LEVEL: 'error',
        SECRET_API_TOKEN: 'tok-5512aa9e',
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  });
  afterAll(async () => {
    worker.kill('SIGTERM');
    const [code] = (await once(worker, 'exit')) as [number | null];
    await stopCaller();
    await connection.close();
    await store.close();
    await handle.close();
    await database.drop();
    await fake.close();
    expect(code).toBe(0);
  });

  const call = async (activity: string, input: object): Promise<{ runId: string; result: unknown }> => {
    const runId = `call-${randomUUID().slice(0, 8)}`;
    const result: unknown = await client.workflow.execute('CallWorkflow', {
      taskQueue: CALLER_QUEUE,
      workflowId: runId,
      args: [
        activity,
        { run: { runId, workflowId: runId, executionId: runId }, step: 'call', effect: `${runId}/call`, input },
      ],
    });
    return { runId, result };
  };

  it('tries again after a 500 and a 429 with one idempotency key, resolves secrets, and stores events', async () => {
    fake.on({
      'POST /vms': [
        { status: 500 },
        { status: 429, headers: { 'retry-after': '1' } },
        { status: 201, body: { id: 7 } },
      ],
    });
    const { runId, result } = await call('httpRequest', {
      url: `${fake.url}/vms`,
      method: 'POST',
      headers: { authorization: { $secret: 'api-token' } },
      body: { name: 'web1' },
      expectStatus: [201],
    });
    expect(result).toMatchObject({ status: 201, body: { id: 7 } });
    expect(fake.requests.map((request) => request.headers['idempotency-key'])).toEqual(Array(3).fill(`${runId}/call`));
    expect(fake.requests[0]?.headers['authorization']).toBe('tok-5512aa9e');
    const history = JSON.stringify(await client.workflow.getHandle(runId).fetchHistory());
    expect(history).not.toContain('tok-5512aa9e');
    const events = await waitFor(
      async () => {
        const stored = await readEvents(store.db, { runId, after: 0, limit: 10 });
        return stored.length >= 4 ? stored : undefined;
      },
      { timeoutMs: 10_000, what: 'the events are stored' },
    );
    expect(events.map((event) => [event.type, event.attempt])).toEqual([
      ['http_failed', 1],
      ['http_failed', 2],
      ['step_waiting', 2],
      ['http_answered', 3],
    ]);
  });

  it('fails with its own code through Temporal', async () => {
    fake.on({ 'GET /gone': { status: 404 } });
    const error: unknown = await call('httpRequest', { url: `${fake.url}/gone` }).catch((thrown: unknown) => thrown);
    const cause =
      error instanceof WorkflowFailedError && error.cause instanceof ActivityFailure ? error.cause.cause : error;
    expect(cause).toBeInstanceOf(ApplicationFailure);
    expect(cause).toMatchObject({ type: 'UpstreamFailed', details: [{ status: 404 }] });
  });
});
