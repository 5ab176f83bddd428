import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { TASK_QUEUES, type RunStatus } from '@switchyard/contracts';
import { listDecisions, listLocks, readEvents } from '@switchyard/store';
import { replayAll, waitFor } from '@switchyard/testkit';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coordinatorBundle, failureOf, until } from './harness.js';
import { openProcessWorld, type ProcessWorld } from './process-world.js';

let world: ProcessWorld;
let worker: ChildProcess;
const since = new Date();
beforeAll(async () => {
  world = await openProcessWorld();
  worker = world.startWorker();
});
afterAll(async () => {
  const { client } = world;
  const workflowBundle = await coordinatorBundle();
  await replayAll({ client, workflowBundle, taskQueue: TASK_QUEUES.coordinator, since });
  await world[Symbol.asyncDispose]();
});

const WAIT = { id: 'work', uses: 'wait', with: { signal: 'go' } };
/** A run may have to wait for a worker that has just been started. */
const WITHIN_MS = 30_000;
const works = (run: WorkflowHandle): Promise<RunStatus> =>
  until(
    run,
    'the step to run',
    ({ steps }) => steps.some(({ id, state }) => id === 'work' && state !== 'pending'),
    WITHIN_MS,
  );
const waitsFor = (run: WorkflowHandle, name: string): Promise<RunStatus> =>
  until(
    run,
    `the wait for ${name}`,
    ({ waitingFor }) => waitingFor?.kind === 'lock' && waitingFor.name === name,
    WITHIN_MS,
  );
const locks = async (): Promise<readonly [string, string][]> =>
  (await listLocks(world.store.db)).map(({ name, workflowId }) => [name, workflowId]);

describe('locks of a runbook', () => {
  it('keep a second run waiting, which tells who has them, and go to it at the end of the first', async () => {
    const inputs = { env: { type: 'string' } };
    const book = { inputs, locks: ['env/${{ inputs.env }}', 'hosts/web'], steps: [WAIT] };
    const first = await world.start(book, { env: 'dev' });
    await works(first);
    expect(await locks()).toEqual([
      ['env/dev', first.workflowId],
      ['hosts/web', first.workflowId],
    ]);
    // Another environment, but the same hosts: it gets neither lock before it has both.
    const second = await world.start(book, { env: 'prod' });
    const { steps } = await waitsFor(second, 'hosts/web');
    expect(steps[0]).toMatchObject({ id: 'run:locks', state: 'waiting' });
    expect(steps[0]?.detail).toContain(`${first.workflowId} has hosts/web since `);
    expect(steps[0]?.detail).toContain('(runbook process)');
    expect((await locks()).map(([name]) => name)).toEqual(['env/dev', 'hosts/web']);
    const third = await world.start({ ...book, locks: ['hosts/db'] }, { env: 'dev' });
    await works(third);
    await first.signal('go', {});
    await first.result();
    await works(second);
    expect(
      (await readEvents(world.store.db, { runId: second.workflowId, limit: 50 })).map(({ type }) => type),
    ).toContain('lock_waiting');
    await Promise.all([second, third].map((run) => run.signal('go', {})));
    await Promise.all([second, third].map((run) => run.result()));
    expect(await locks()).toEqual([]);
  });

  it('count as held in the runs below, however deep', async () => {
    const book = (steps: object[], more: object = {}): object => ({
      apiVersion: 'switchyard.dev/v1',
      kind: 'Runbook',
      metadata: { name: 'below' },
      steps,
      ...more,
    });
    const innermost = book([{ id: 'wait', uses: 'wait', with: { for: 10 } }], { locks: ['hosts/a', 'hosts/b'] });
    const inner = book([{ id: 'deeper', uses: 'runbook', with: { runbook: innermost } }]);
    const middle = book([{ id: 'deep', uses: 'runbook', with: { runbook: inner } }], { locks: ['hosts/b'] });
    const run = await world.start({
      locks: ['hosts/a'],
      steps: [{ id: 'middle', uses: 'runbook', with: { runbook: middle } }],
    });
    expect(await run.result()).toMatchObject({ steps: { middle: { outcome: 'successful' } } });
    expect(await locks()).toEqual([]);
  });

  it('are not waited for longer than lockTimeout, and the failure names the holder', async () => {
    const first = await world.start({ locks: ['hosts/web'], steps: [WAIT] });
    await works(first);
    for (const lockTimeout of [0, '2s']) {
      const late = await world.start({ locks: ['hosts/web'], lockTimeout, steps: [WAIT] });
      expect(await failureOf(late.result())).toMatchObject({
        code: 'LockUnavailable',
        message: expect.stringContaining(`${first.workflowId} has hosts/web since`),
        details: { blockedBy: [{ name: 'hosts/web', workflowId: first.workflowId }] },
      });
    }
    // Who gave up waits no more.
    expect((await listLocks(world.store.db)).flatMap(({ waiters }) => waiters)).toEqual([]);
    await first.signal('go', {});
    await first.result();
  });

  it('outlive the worker, and are taken from a run that was terminated, which the audit tells', async () => {
    const first = await world.start({ locks: ['hosts/web'], steps: [WAIT] });
    await works(first);
    const second = await world.start({ locks: ['hosts/web'], steps: [WAIT] });
    await waitsFor(second, 'hosts/web');
    const third = await world.start({ locks: ['hosts/web'], steps: [WAIT] });
    await waitsFor(third, 'hosts/web');
    await third.executeUpdate('abort', { args: [{ reason: 'not today', by: { identity: 'ann', channel: 'test' } }] });
    expect(await failureOf(third.result())).toMatchObject({ code: 'Aborted' });
    const [{ waiters } = { waiters: [] }] = await listLocks(world.store.db);
    expect(waiters.map(({ workflowId }) => workflowId)).toEqual([second.workflowId]);

    worker.kill('SIGKILL');
    await once(worker, 'exit');
    await first.terminate('somebody was in a hurry');
    worker = world.startWorker();
    await waitFor(async () => (await locks()).some(([, holder]) => holder === second.workflowId), {
      what: 'the second run to get the lock',
      timeoutMs: 40_000,
    });
    expect(await listDecisions(world.store.db, { runId: first.workflowId })).toMatchObject([
      { subject: 'lock:hosts/web', decision: 'release-stale' },
    ]);
    await second.signal('go', {});
    await second.result();
    expect(await locks()).toEqual([]);
  });

  it('are given back when the run is cancelled, whatever it does', async () => {
    const run = await world.start({ locks: ['hosts/web'], steps: [WAIT] });
    await works(run);
    await run.cancel();
    await run.result().catch(() => undefined);
    expect(await locks()).toEqual([]);
  });

  it.each([
    [['has space'], 'must be letters, digits'],
    [['terraform:infra/network:default'], 'taken by the workflows themselves'],
    [['env/${{ inputs.none }}'], 'there is no input "none"'],
    [['env/${{ steps.work.result }}'], 'no step has run by then'],
    [['env/${{ item }}'], 'only inside a step with forEach'],
    [['env/${{ "a b" }}'], 'must be letters, digits'],
  ])('are refused when they cannot be: %j', async (names, why) => {
    const run = await world.start({ locks: names, steps: [WAIT] });
    expect(await failureOf(run.result())).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining(why),
    });
  });
});
