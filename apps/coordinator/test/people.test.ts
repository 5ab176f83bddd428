import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evidenceOf, refusal } from './gates.js';
import { failureOf, FOREIGN_QUEUE, startHarness, type Harness } from './harness.js';

const play = (id: string, playbook: string, more: object = {}): object => ({
  id,
  uses: 'ansible',
  with: { playbook },
  ...more,
});
const gate = (more: object = {}): object => ({
  id: 'prod_approval',
  uses: 'approval',
  with: { title: 'Release ${{ inputs.release }}', show: ['release ${{ inputs.release }}'], ...more },
});
const book = { inputs: { release: { type: 'string', default: '1.4' } } };
const by = (identity: string): object => ({ by: { identity, channel: 'cli' } });

describe('people and a runbook', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness.stop());

  const atGate = (handle: WorkflowHandle): Promise<string> => evidenceOf(harness, handle);
  const update = (handle: WorkflowHandle, name: string, payload: object): Promise<unknown> =>
    handle.executeUpdate(name, { args: [payload] });

  it('approve what they were shown: another digest, the starter and an unknown gate are refused', async () => {
    const handle = await harness.start([gate(), play('a', 'a.yml', { needs: ['prod_approval'] })], { book });
    const evidence = await atGate(handle);
    const status = await harness.statusOf(handle);
    expect(status).toMatchObject({ state: 'waiting', waitingFor: { kind: 'approval', name: 'prod_approval' } });
    expect(status.gates[0]).toMatchObject({ title: 'Release 1.4', shown: ['release 1.4'] });
    const approval = { gate: 'prod_approval', evidence, reason: 'ok' };
    expect(
      await refusal(update(handle, 'approve', { ...approval, evidence: `sha256:${'0'.repeat(64)}`, ...by('bob') })),
    ).toContain('look again');
    expect(await refusal(update(handle, 'approve', { ...approval, ...by('ann') }))).toContain('started this run');
    expect(await refusal(update(handle, 'approve', { ...approval, gate: 'other', ...by('bob') }))).toContain(
      'no gate "other"',
    );
    await update(handle, 'approve', { ...approval, ...by('bob') });
    expect(await handle.result()).toMatchObject({
      steps: {
        prod_approval: { outcome: 'successful', result: { approved: true, decisions: [{ by: 'bob' }], evidence } },
        a: { outcome: 'successful' },
      },
    });
    expect(harness.decisions.filter((one) => one.workflowId === handle.workflowId)).toMatchObject([
      { by: 'bob', decision: 'approve' },
    ]);
  });

  it('approve by a bare signal of the name of the step, recorded as unauthenticated', async () => {
    const handle = await harness.start([gate()], { book });
    await atGate(handle);
    await handle.signal('prod_approval');
    expect(await handle.result()).toMatchObject({
      steps: { prod_approval: { result: { decisions: [{ by: 'unauthenticated', channel: 'signal' }] } } },
    });
  });

  it('see another digest when a needed step gave something else', async () => {
    const steps = (env: string): object[] => [
      {
        id: 'warm',
        uses: 'workflow',
        with: { type: 'WarmCaches', taskQueue: FOREIGN_QUEUE, input: { env: '${{ inputs.env }}' } },
      },
      { ...gate(), needs: ['warm'], with: { title: `x` }, ...(env ? {} : {}) },
    ];
    const inputs = { env: { type: 'string' } };
    const evidence = async (env: string): Promise<string> => {
      const handle = await harness.start(steps(env), { book: { inputs }, inputs: { env } });
      const digest = await atGate(handle);
      await handle.signal('prod_approval');
      await handle.result();
      return digest;
    };
    const [a, b, again] = [await evidence('a'), await evidence('b'), await evidence('a')];
    expect(a).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(b).not.toBe(a);
    expect(again).toBe(a);
  });

  it('reject, and nothing behind the gate runs', async () => {
    const handle = await harness.start([gate(), play('a', 'a.yml', { needs: ['prod_approval'] })], { book });
    await atGate(handle);
    await update(handle, 'reject', { gate: 'prod_approval', reason: 'not today', ...by('bob') });
    expect(await failureOf(handle.result())).toMatchObject({
      code: 'ApprovalRejected',
      message: expect.stringContaining('not today') as string,
    });
    expect(harness.notesOf(handle)).toEqual([]);
  });

  it('do not answer: the gate expires, or the run goes on where the policy says so', async () => {
    expect((await failureOf(harness.run([gate({ timeout: 200 })], { book }))).code).toBe('ApprovalExpired');
    const result = await harness.run([gate({ timeout: 200, onTimeout: 'continue' })], { book });
    expect(result.steps['prod_approval']).toMatchObject({
      outcome: 'successful',
      result: { approved: false, decisions: [] },
    });
  });

  it('have a held step tried again', async () => {
    const handle = await harness.start([
      { id: 'net', uses: 'terraform', with: { stack: { path: 'flaky-net' } }, onFailure: 'hold' },
      play('a', 'a.yml', { needs: ['net'] }),
    ]);
    for (const attempt of [1, 2]) {
      await harness.until(
        handle,
        `attempt ${attempt} is held`,
        (s) => s.steps[0]?.attempt === attempt && s.steps[0].state === 'waiting',
      );
      expect((await harness.statusOf(handle)).waitingFor).toMatchObject({ kind: 'person', name: 'net' });
      await update(handle, 'retry', { step: 'net', ...by('bob') });
    }
    await handle.result();
    expect(harness.notesOf(handle)).toEqual(['flaky-net', 'flaky-net', 'flaky-net', 'a.yml']);
  });

  it('have a held playbook tried again on its failed hosts only', async () => {
    const handle = await harness.start([play('a', 'fail.yml', { onFailure: 'hold' })]);
    await harness.until(handle, 'the step is held', (s) => s.steps[0]?.state === 'waiting');
    await update(handle, 'retry', { step: 'a', hosts: 'failed' });
    await handle.result();
    const name = `retry of ${handle.workflowId}/a`;
    expect(harness.inputOf(handle, name)).toEqual({ retryOf: `${handle.workflowId}/a`, only: 'failed-hosts' });
  });

  it('have only the bad items of a held forEach tried again', async () => {
    const handle = await harness.start([
      {
        id: 'each',
        uses: 'ansible',
        forEach: ['a', 'flaky-b', 'c'],
        with: { playbook: '${{ item }}.yml' },
        onFailure: 'hold',
      },
    ]);
    for (const attempt of [1, 2]) {
      await harness.until(
        handle,
        'the step is held',
        (s) => s.steps[0]?.state === 'waiting' && s.steps[0].attempt === attempt,
      );
      await update(handle, 'retry', { step: 'each' });
    }
    expect(await handle.result()).toMatchObject({
      steps: { each: { outcome: 'successful', result: { succeeded: 3, failed: 0 } } },
    });
    expect(harness.notesOf(handle).toSorted()).toEqual(['a.yml', 'c.yml', 'flaky-b.yml', 'flaky-b.yml', 'flaky-b.yml']);
  });

  it('skip a held step, and what needs it runs', async () => {
    const handle = await harness.start([
      play('a', 'fail.yml', { onFailure: 'hold' }),
      play('b', 'b.yml', { needs: ['a'] }),
    ]);
    await harness.until(handle, 'the step is held', (s) => s.steps[0]?.state === 'waiting');
    expect(await refusal(update(handle, 'retry', { step: 'b' }))).toContain('step "b" is not held; held: a');
    await update(handle, 'skip', { step: 'a', reason: 'done by hand' });
    expect(await handle.result()).toMatchObject({ steps: { a: { outcome: 'skipped' }, b: { outcome: 'successful' } } });
  });

  it('abort a held step', async () => {
    const handle = await harness.start([play('a', 'fail.yml', { onFailure: 'hold' })]);
    await harness.until(handle, 'the step is held', (s) => s.steps[0]?.state === 'waiting');
    await update(handle, 'abort', { reason: 'enough', ...by('bob') });
    expect(await failureOf(handle.result())).toMatchObject({ code: 'Aborted', message: 'bob aborted the run: enough' });
  });

  it('abort a run: what is under way ends first, and nothing is undone unless the runbook says so', async () => {
    const steps = [
      play('a', 'a.yml', { compensate: { uses: 'ansible', with: { playbook: 'undo-a.yml' } } }),
      play('b', 'slow.yml', { needs: ['a'] }),
      play('c', 'c.yml', { needs: ['b'] }),
    ];
    const abort = async (more: object): Promise<{ handle: WorkflowHandle; details: unknown }> => {
      const handle = await harness.start(steps, { book: more });
      await harness.until(handle, 'the slow step runs', () => harness.notesOf(handle).includes('slow.yml'));
      await handle.signal('abort', { reason: 'stop' });
      const failure = await failureOf(handle.result());
      expect(failure).toMatchObject({ code: 'Aborted', details: { by: 'unauthenticated', reason: 'stop' } });
      return { handle, details: failure.details };
    };
    const plain = await abort({});
    expect(harness.notesOf(plain.handle)).toEqual(['a.yml', 'slow.yml', 'ended slow.yml']);
    expect(plain.details).toMatchObject({
      steps: {
        a: { outcome: 'successful' },
        b: { outcome: 'failed', error: { code: 'Aborted' } },
        c: { outcome: 'skipped' },
      },
    });
    const undone = await abort({ onFailure: 'compensate' });
    expect(harness.notesOf(undone.handle)).toEqual(['a.yml', 'slow.yml', 'ended slow.yml', 'undo-a.yml']);
    expect(undone.details).toMatchObject({
      steps: { a: { outcome: 'compensated' } },
      compensation: [{ step: 'a', error: null }],
    });
  });

  it('pause between steps and resume', async () => {
    const handle = await harness.start([
      { id: 'a', uses: 'wait', with: { signal: 'go' } },
      play('b', 'b.yml', { needs: ['a'] }),
    ]);
    await harness.until(handle, 'the first step waits', (s) => s.steps[0]?.state === 'waiting');
    await update(handle, 'pause', { reason: 'lunch', ...by('bob') });
    await handle.signal('go');
    await harness.until(handle, 'the first step is done', (s) => s.steps[0]?.state === 'done' && s.state === 'paused');
    expect(harness.notesOf(handle)).toEqual([]);
    await update(handle, 'resume', by('bob'));
    await handle.result();
    expect(harness.notesOf(handle)).toEqual(['b.yml']);
  });

  it('cancel a run through Temporal: it ends as cancelled after its children', async () => {
    const handle = await harness.start([play('a', 'slow.yml')]);
    await harness.until(handle, 'the step runs', () => harness.notesOf(handle).includes('slow.yml'));
    await handle.cancel();
    await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    expect(harness.notesOf(handle)).toEqual(['slow.yml', 'ended slow.yml']);
  });
});
