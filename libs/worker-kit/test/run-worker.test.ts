import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ApplicationFailure } from '@temporalio/common';
import { Client, Connection, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { findMarked } from '@switchyard/process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { temporal } from '@switchyard/testkit';
import { WorkerProcess } from './worker-process.js';

let directory: string;
let bundle: string;
let connection: Connection;
let client: Client;
let taskQueue: string;
const started: WorkerProcess[] = [];

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'worker-kit-'));
  bundle = path.join(directory, 'bundle.js');
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('fixtures/workflows.ts', import.meta.url)),
    logger: new DefaultLogger('ERROR'),
  });
  await writeFile(bundle, code);
  const { address, namespace } = temporal();
  connection = await Connection.connect({ address });
  client = new Client({ connection, namespace });
});

afterAll(async () => {
  await connection.close();
  await rm(directory, { recursive: true });
});

beforeEach(() => {
  taskQueue = `worker-kit-${randomUUID()}`;
});

afterEach(async () => {
  const left = started.splice(0).filter((worker) => !worker.hasEnded);
  for (const worker of left) worker.signal('SIGKILL');
  await Promise.all(left.map((worker) => worker.ended()));
});

function startWorker(env: Readonly<Record<string, string>> = {}): WorkerProcess {
  const { address, namespace } = temporal();
  const worker = new WorkerProcess({
    taskQueue,
    bundle,
    env: { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, ...env },
  });
  started.push(worker);
  return worker;
}

async function runningWorker(env: Readonly<Record<string, string>> = {}): Promise<WorkerProcess> {
  const worker = startWorker(env);
  await worker.line('running');
  return worker;
}

const start = (name: string, args: readonly unknown[], attempts = 1): Promise<WorkflowHandle> =>
  client.workflow.start('call', { taskQueue, workflowId: randomUUID(), args: [name, args, attempts] });

/** The failure of the activity that failed a workflow. */
async function activityFailure(handle: WorkflowHandle): Promise<ApplicationFailure> {
  const error: unknown = await handle.result().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const failure = error instanceof WorkflowFailedError && error.cause?.cause;
  if (failure instanceof ApplicationFailure) return failure;
  throw new Error('the workflow did not fail with an ApplicationFailure', { cause: error });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || !address) throw new Error('no port');
  return address.port;
}

const healthOf = async (worker: WorkerProcess): Promise<string> => String((await worker.line('running'))['health']);

describe('a worker with a further queue', () => {
  it('serves both with the same activities, and ends both', async () => {
    const worker = await runningWorker();
    const also = await client.workflow.start('call', {
      taskQueue,
      workflowId: randomUUID(),
      args: ['slow', [10], 1, `${taskQueue}-also`],
    });
    expect(await also.result()).toBe('done in attempt 1');
    expect(await (await start('slow', [10])).result()).toBe('done in attempt 1');
    expect(await worker.stop()).toBe(0);
  });
});

describe('a worker that is asked to stop', () => {
  it('lets a running activity finish within the grace, closes in reverse order and exits with 0', async () => {
    const worker = await runningWorker();
    const handle = await start('slow', [1_000]);
    await worker.line('activity started');
    expect(await worker.stop()).toBe(0);
    const closed = worker.lines.filter(({ msg }) => msg === 'closed').map(({ name }) => name);
    expect(closed).toEqual(['second', 'first']);
    await runningWorker();
    expect(await handle.result()).toBe('done in attempt 1');
  });

  it('hands an activity that does not finish in time to another worker', async () => {
    const worker = await runningWorker({ SWITCHYARD_SHUTDOWN_GRACE: '100ms' });
    const handle = await start('untilCancelled', [{}], 3);
    await worker.line('activity started');
    expect(await worker.stop()).toBe(0);
    await runningWorker();
    expect(await handle.result()).toBe('attempt 2, half-way');
    const { events } = await handle.fetchHistory();
    const failures = events?.map((event) => event.activityTaskStartedEventAttributes?.lastFailure);
    const types = failures?.map((failure) => failure?.applicationFailureInfo?.type);
    // Not a heartbeat time-out: the worker said so itself, and the next attempt began at once.
    expect(types).toContain('WorkerShutdown');
  });

  it('stops while it still seeks the server', async () => {
    const worker = startWorker({ TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}` });
    await worker.line('no Temporal server yet');
    expect(await worker.stop()).toBe(0);
  });
});

describe('a worker that is killed', () => {
  it('leaves no program running, and another worker takes the activity', async () => {
    const worker = await runningWorker();
    const marker = `test/${taskQueue}`;
    const handle = await start('runsProgram', [marker], 2);
    await worker.line('program started');
    expect(await findMarked(marker)).not.toEqual([]);
    worker.signal('SIGKILL');
    expect(await worker.ended()).toBeNull();
    await runningWorker();
    expect(await handle.result()).toBe('attempt 2');
    while ((await findMarked(marker)).length > 0) await sleep(50);
  });
});

describe('an activity', () => {
  it('is reached by a cancel, and counts as cancelled whatever it throws then', async () => {
    const worker = await runningWorker();
    const handle = await start('untilCancelled', [{ runId: 'root-run', step: 'network' }]);
    const line = await worker.line('activity started');
    expect(line).toMatchObject({ run: 'root-run', step: 'network', attempt: 1, worker: 'fixture-worker' });
    await handle.cancel();
    await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    await worker.line('cancel arrived');
  });

  it('fails with the code, the details and the retryability of its error, masked', async () => {
    await runningWorker({ SWITCHYARD_PASSWORD: 'hunter22hunter22' });
    const options = { details: { failedHosts: ['web1'], note: 'hunter22hunter22' } };
    const final = await activityFailure(await start('fails', ['AnsibleHostsFailed', options], 5));
    expect(final).toMatchObject({
      type: 'AnsibleHostsFailed',
      message: 'refused with ***',
      nonRetryable: true,
      details: [{ failedHosts: ['web1'], note: '***' }],
    });
    const retried = await start('fails', ['TerraformStateLocked', { details: { holder: 'run-7' } }], 2);
    expect(await activityFailure(retried)).toMatchObject({ type: 'TerraformStateLocked', nonRetryable: false });
    const { events } = await retried.fetchHistory();
    const attempts = events?.map((event) => event.activityTaskStartedEventAttributes?.attempt);
    expect(attempts).toContain(2);
  });

  it('fails with a code when a service cannot be reached', async () => {
    await runningWorker();
    const failure = await activityFailure(await start('connects', [await freePort()]));
    expect(failure).toMatchObject({ type: 'UpstreamFailed', details: [{ systemCode: 'ECONNREFUSED' }] });
  });

  it('cannot write a registered secret to the log', async () => {
    const worker = await runningWorker({ SWITCHYARD_PASSWORD: 'hunter22hunter22' });
    await (await start('leaks', [])).result();
    await worker.line('the password is ***');
    expect(JSON.stringify(worker.lines)).not.toContain('hunter22');
  });
});

describe('the health endpoint', () => {
  it('tells that the worker lives before it is ready', async () => {
    const port = await freePort();
    const worker = startWorker({
      SWITCHYARD_HEALTH_PORT: String(port),
      TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}`,
    });
    await worker.line('no Temporal server yet');
    expect((await fetch(`http://127.0.0.1:${port}/live`)).status).toBe(200);
    const ready = await fetch(`http://127.0.0.1:${port}/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({ state: 'STARTING' });
  });

  it('is ready when the worker polls, draining when it stops, and serves metrics with what activities cost', async () => {
    const worker = await runningWorker({ SWITCHYARD_METRICS_PORT: String(await freePort()) });
    const health = await healthOf(worker);
    expect(await (await fetch(`${health}/ready`)).json()).toEqual({ state: 'RUNNING' });
    await (await start('leaks', [])).result();
    const metrics = await (await fetch(`${health}/metrics`)).text();
    expect(metrics).toMatch(/switchyard_activity_seconds\w*_count\{.*activity="leaks".*outcome="ok".*\} 1/);
    expect(metrics).toContain('temporal_worker_task_slots_available');
    await start('slow', [1_500]);
    await worker.line('activity started');
    worker.signal('SIGTERM');
    await worker.line('asked to stop');
    expect((await fetch(`${health}/ready`)).status).toBe(503);
    expect(await worker.ended()).toBe(0);
  });

  it('says that no metrics are kept, and what it serves', async () => {
    const health = await healthOf(await runningWorker());
    expect((await fetch(`${health}/metrics`)).status).toBe(404);
    expect(await (await fetch(`${health}/x`)).json()).toMatchObject({ paths: ['/live', '/ready', '/metrics'] });
    expect((await fetch(`${health}/live`, { method: 'POST' })).status).toBe(405);
  });
});

describe('a worker that cannot start', () => {
  it('refuses an unknown variable and names the nearest one', async () => {
    const worker = startWorker({ SWITCHYARD_HEALT_PORT: '1', SWITCHYARD_LOG_LEVEL: 'loud' });
    expect(await worker.ended()).toBe(2);
    expect(worker.stderr).toContain('SWITCHYARD_HEALT_PORT: unknown variable; did you mean SWITCHYARD_HEALTH_PORT?');
    expect(worker.stderr).toContain('SWITCHYARD_LOG_LEVEL: "loud" is none of trace, debug');
  });

  it('closes what was open when opening the rest fails, all of it, and exits with 1', async () => {
    const worker = startWorker({ SWITCHYARD_OPEN_FAILURE: 'no database' });
    expect(await worker.ended()).toBe(1);
    expect(worker.lines.filter(({ msg }) => msg === 'closed').map(({ name }) => name)).toEqual(['second', 'first']);
    expect((await worker.line('failed'))['err']).toMatchObject({ message: 'no database' });
    expect(await worker.line('could not be closed')).toMatchObject({ resource: 'broken' });
  });

  it('gives up on a server that does not answer', async () => {
    const worker = startWorker({
      TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}`,
      SWITCHYARD_CONNECT_TIMEOUT: '1s',
    });
    expect(await worker.ended()).toBe(1);
    const { err } = await worker.line('failed');
    expect(err).toMatchObject({ message: expect.stringContaining('check TEMPORAL_ADDRESS') });
  });

  it('exits with 1 when its namespace does not exist', async () => {
    const worker = startWorker({ TEMPORAL_NAMESPACE: 'no-such-namespace' });
    expect(await worker.ended()).toBe(1);
  });

  it('names a port that is taken', async () => {
    const health = await healthOf(await runningWorker());
    const worker = startWorker({ SWITCHYARD_HEALTH_PORT: new URL(health).port });
    expect(await worker.ended()).toBe(2);
    const { err } = await worker.line('failed');
    expect(err).toMatchObject({ message: expect.stringContaining('SWITCHYARD_HEALTH_PORT') });
  });
});
