import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ansibleResultSchema, type RunStatus } from '@switchyard/contracts';
import { startTemporal, waitFor, type StartedTemporal } from '@switchyard/testkit';
import type { WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { failureOf, openWorld, play, processesOf, statusOf, type WorkerProcess, type World } from './world.js';

let server: StartedTemporal;
let world: World;
let worker: WorkerProcess;

beforeAll(async () => {
  // A batch is about seven events: a run over ten of them is several executions.
  server = await startTemporal({ suggestContinueAsNew: 30 });
  world = await openWorld(server);
  worker = await world.startWorker();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await server.stop();
});
beforeEach(async () => {
  await Promise.all(['ran.txt', 'mended', 'go'].map((name) => rm(path.join(world.root, name), { force: true })));
});

const RAN = '- raw: echo {{ inventory_hostname }} >> {{ playbook_dir }}/ran.txt';
const names = Array.from({ length: 10 }, (_, i) => `h${i}`);
const inventory = (hosts: readonly string[]) => ({
  groups: { g: { hosts: Object.fromEntries(hosts.map((name) => [name, null])) } },
});
const ran = async (): Promise<string[]> => (await world.read('ran.txt')).split('\n').filter(Boolean).toSorted();
const touch = (name: string): Promise<void> => writeFile(path.join(world.root, name), '');
const by = { identity: 'ada', channel: 'test' };
const update = (handle: WorkflowHandle, name: string): Promise<unknown> =>
  handle.executeUpdate(name, { args: [name === 'resume' ? { by } : { reason: 'test', by }] });

/** How many executions of a run the server lists. */
async function executionsOf(workflowId: string): Promise<number> {
  let count = 0;
  for await (const run of world.client.workflow.list({ query: `WorkflowId = '${workflowId}'` })) count += run ? 1 : 0;
  return count;
}

const isContinued = async (handle: WorkflowHandle, startedAs: string): Promise<boolean> =>
  (await handle.describe()).runId !== startedAs;

describe('a run whose history is full', () => {
  test('goes on in a new execution, and is one run to everybody', async () => {
    await world.file('many.yml', play(`${RAN}\n- raw: test {{ inventory_hostname }} != h7`));
    const handle = await world.start({
      playbook: 'many.yml',
      inventory: inventory(names),
      batchSize: 1,
      retry: { attempts: 3, delay: '10ms' },
    });
    const { code, details } = await failureOf(handle.result());
    expect(code).toBe('AnsibleHostsFailed');
    const result = ansibleResultSchema.parse(details);
    expect(result).toMatchObject({ verdict: 'failed', batches: 10, failedHosts: ['h7'], runId: handle.workflowId });
    expect(Object.keys(result.hosts)).toEqual(names);
    // Every host once, the one that fails as often as it may.
    expect(await ran()).toEqual([...names, 'h7', 'h7'].toSorted());

    await waitFor(async () => (await executionsOf(handle.workflowId)) > 2, { what: 'executions to be listed' });
    const latest = world.client.workflow.getHandle(handle.workflowId);
    const status: RunStatus = await statusOf(latest);
    expect(status.steps.map(({ id, state }) => [id, state])).toEqual([
      ['playbook', 'failed'],
      ...names.map((_, i) => [`batch-${i + 1}`, i === 7 ? 'failed' : 'done']),
    ]);
    expect(status.steps[8]).toMatchObject({ id: 'batch-8', attempt: 3 });
    // All of them count their time from the first.
    expect(Date.parse(status.startedAt)).toBeLessThan((await latest.describe()).startTime.getTime());

    const events = await world.events(handle.workflowId);
    const count = (type: string): number => events.filter((event) => event.type === type).length;
    expect({ started: count('run_started'), failed: count('run_failed'), steps: count('step_started') }).toEqual({
      started: 1,
      failed: 1,
      steps: 11,
    });
    expect(events.filter(({ type }) => type === 'hosts_retry').map(({ attempt }) => attempt)).toEqual([2, 3]);

    // A new run takes up the hosts that failed, whatever execution they failed in.
    const again = await failureOf(world.run({ retryOf: handle.workflowId, retry: { attempts: 1 } }));
    expect(again.details.failedHosts).toEqual(['h7']);
    expect(Object.keys(again.details.hosts)).toEqual(['h7']);
  }, 180_000);

  test('keeps a pause, and loses no host to a worker that is killed', async () => {
    const waits = `- raw: test {{ inventory_hostname }} != h6 || test -e {{ playbook_dir }}/go || sleep 120`;
    await world.file('pause.yml', play(`${RAN}\n${waits}`));
    const handle = await world.start({
      playbook: 'pause.yml',
      inventory: inventory(names),
      batchSize: 1,
      maxParallel: 1,
    });
    const { runId: first } = await handle.describe();
    const chain = world.client.workflow.getHandle(handle.workflowId);
    await waitFor(async () => (await ran()).includes('h6'), { what: 'the seventh host', timeoutMs: 90_000 });
    expect(await isContinued(chain, first)).toBe(true);
    await update(chain, 'pause');
    await worker.kill();
    await waitFor(async () => (await processesOf(chain)) === 0, { what: 'the reaper', timeoutMs: 20_000 });
    await touch('go');
    worker = await world.startWorker();
    await waitFor(async () => (await statusOf(chain)).waitingFor?.name === 'resume', {
      what: 'the run to stand still',
      timeoutMs: 60_000,
    });
    const executions = await executionsOf(handle.workflowId);
    expect((await statusOf(chain)).state).toBe('paused');
    await update(chain, 'resume');
    expect(await handle.result()).toMatchObject({ verdict: 'successful', batches: 10 });
    // The host that the killed worker was at runs a second time, and no other.
    expect(await ran()).toEqual([...names, 'h6'].toSorted());
    expect(executions).toBeGreaterThan(1);
  }, 240_000);

  test('is aborted in a later execution like in the first', async () => {
    const waits = `- raw: test {{ inventory_hostname }} != h6 || sleep 120`;
    await world.file('abort.yml', play(`${RAN}\n${waits}`));
    const handle = await world.start({
      playbook: 'abort.yml',
      inventory: inventory(names),
      batchSize: 1,
      maxParallel: 1,
    });
    const chain = world.client.workflow.getHandle(handle.workflowId);
    await waitFor(async () => (await ran()).includes('h6'), { what: 'the seventh host', timeoutMs: 90_000 });
    await update(chain, 'abort');
    expect((await failureOf(chain.result())).code).toBe('Aborted');
    expect(await processesOf(chain)).toBe(0);
    expect(await ran()).toEqual(names.slice(0, 7));
  }, 120_000);

  test('runs all hosts again over several executions, when the caller says so', async () => {
    const second = `- raw: test {{ inventory_hostname }} != h9 || test -e {{ playbook_dir }}/mended || (touch {{ playbook_dir }}/mended; exit 1)`;
    await world.file('rounds.yml', play(`${RAN}\n${second}`));
    const result = await world.run({
      playbook: 'rounds.yml',
      inventory: inventory(names),
      batchSize: 1,
      retry: { attempts: 2, only: 'all', delay: 0 },
    });
    expect(result.verdict).toBe('successful');
    expect(await ran()).toEqual([...names, ...names].toSorted());
  }, 180_000);

  test('retries a whole playbook over several executions', async () => {
    await world.file('whole.yml', play(`${RAN}\n- raw: exit 1`));
    const { details } = await failureOf(
      world.run({ playbook: 'whole.yml', inventory: inventory(['a']), retry: { attempts: 8, delay: '1ms' } }),
    );
    expect(details).toMatchObject({ verdict: 'failed', batches: 1, failedHosts: ['a'] });
    expect(await ran()).toEqual(Array.from({ length: 8 }, () => 'a'));
  }, 180_000);
});

test('a child stays one execution, so that its parent can cancel it, and takes no more than fits', async () => {
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('./fixtures/parent-workflow/index.ts', import.meta.url)),
    logger: new DefaultLogger('ERROR'),
  });
  const connection = await NativeConnection.connect({ address: server.address });
  const taskQueue = 'parents';
  const parents = await Worker.create({ connection, namespace: server.namespace, taskQueue, workflowBundle });
  const start = (workflowId: string, input: object): Promise<WorkflowHandle> =>
    world.client.workflow.start('ParentWorkflow', { taskQueue, workflowId, args: [input, `${workflowId}/child`] });
  await world.file('child.yml', play(`${RAN}\n- raw: test {{ inventory_hostname }} != h6 || sleep 120`));
  const input = { playbook: 'child.yml', inventory: inventory(names), batchSize: 1, maxParallel: 1 };
  await parents.runUntil(async () => {
    const parent = await start(`parent-${randomUUID()}`, input);
    await waitFor(async () => (await ran()).includes('h6'), { what: 'the seventh host', timeoutMs: 90_000 });
    await parent.cancel();
    expect((await failureOf(parent.result())).code).toBe('Cancelled');
    const child = world.client.workflow.getHandle(`${parent.workflowId}/child`);
    expect((await child.describe()).status.name).toBe('CANCELLED');
    expect(await processesOf(child)).toBe(0);
    expect(await ran()).toEqual(names.slice(0, 7));

    const many = Array.from({ length: 1_001 }, (_, i) => `host-${i}`);
    const refused = await start(`parent-${randomUUID()}`, { ...input, inventory: inventory(many) });
    await failureOf(refused.result());
    expect(await failureOf(world.client.workflow.getHandle(`${refused.workflowId}/child`).result())).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('give batchSize 2 or more'),
    });
    expect(await ran()).toEqual(names.slice(0, 7));
  });
  await connection.close();
}, 240_000);
