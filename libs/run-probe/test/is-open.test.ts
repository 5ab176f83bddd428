import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { temporal, waitFor } from '@switchyard/testkit';
import { Client, Connection, ServiceError } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isRunOpen, isWorkflowOpen } from '../src/index.js';

const taskQueue = `run-probe-${randomUUID()}`;
let connection: Connection;
let client: Client;
let stop: () => Promise<void>;

beforeAll(async () => {
  const { address, namespace } = temporal();
  connection = await Connection.connect({ address });
  client = new Client({ connection, namespace });
  const native = await NativeConnection.connect({ address });
  const worker = await Worker.create({
    connection: native,
    namespace,
    taskQueue,
    workflowsPath: fileURLToPath(new URL('fixtures/workflows.ts', import.meta.url)),
  });
  const running = worker.run();
  stop = async () => {
    worker.shutdown();
    await running;
    await native.close();
  };
});
afterAll(async () => {
  await stop();
  await connection.close();
});

const start = async (executions: number, workflowId = `chain-${randomUUID()}`) => {
  const handle = await client.workflow.start('chain', { taskQueue, workflowId, args: [executions] });
  return { handle, owner: { workflowId, executionId: handle.firstExecutionRunId } };
};

/** Ends the chain at its last execution, as the others do not take the signal, and waits until it is closed. */
async function end({ handle }: Awaited<ReturnType<typeof start>>): Promise<void> {
  const newest = client.workflow.getHandle(handle.workflowId);
  await waitFor(async () => (await newest.query<number>('left')) === 0, { what: 'the last execution' });
  await newest.signal('end');
  await handle.result();
}

describe('a run', () => {
  it('is open until it ends', async () => {
    const run = await start(0);
    expect(await isRunOpen(client, run.owner)).toBe(true);
    await end(run);
    expect(await isRunOpen(client, run.owner)).toBe(false);
    expect(await isWorkflowOpen(client, run.owner.workflowId)).toBe(false);
  });

  it('that continued as new is open until its last execution ends', async () => {
    const run = await start(2);
    expect(await isRunOpen(client, run.owner)).toBe(true);
    await end(run);
    expect(await isRunOpen(client, run.owner)).toBe(false);
  });

  it('is closed when another run has taken its workflow id', async () => {
    const first = await start(0);
    await end(first);
    const second = await start(0, first.owner.workflowId);
    expect(await isRunOpen(client, first.owner)).toBe(false);
    expect(await isRunOpen(client, second.owner)).toBe(true);
    expect(await isWorkflowOpen(client, first.owner.workflowId)).toBe(true);
    await end(second);
  });

  it('that Temporal does not know is closed', async () => {
    const owner = { workflowId: `nobody-${randomUUID()}`, executionId: randomUUID() };
    expect(await isRunOpen(client, owner)).toBe(false);
    expect(await isWorkflowOpen(client, owner.workflowId)).toBe(false);
  });

  it('is not said to be closed when Temporal cannot be asked', async () => {
    const cut = await Connection.connect({ address: temporal().address });
    await cut.close();
    const owner = { workflowId: `any-${randomUUID()}`, executionId: randomUUID() };
    await expect(isRunOpen(new Client({ connection: cut }), owner)).rejects.toBeInstanceOf(ServiceError);
    await expect(isWorkflowOpen(new Client({ connection: cut }), owner.workflowId)).rejects.toBeInstanceOf(
      ServiceError,
    );
  });
});
