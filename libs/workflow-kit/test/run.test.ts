import {
  MEMO,
  runStatusSchema,
  type DecisionRecord,
  type NewEventInput,
  type RunStatus,
  type ToldEvents,
} from '@switchyard/contracts';
import { replayAll, temporal, waitFor } from '@switchyard/testkit';
import {
  Client,
  Connection,
  WorkflowFailedError,
  WorkflowUpdateFailedError,
  type WorkflowHandle,
} from '@temporalio/client';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { NativeConnection, Worker, bundleWorkflowCode, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let bundle: WorkflowBundleWithSourceMap;
beforeAll(async () => {
  bundle = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('fixtures/workflows.ts', import.meta.url)),
  });
});

describe('a run', () => {
  const queue = `kit-${randomUUID()}`;
  const events: NewEventInput[] = [];
  const decisions: DecisionRecord[] = [];
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
      taskQueue: queue,
      workflowBundle: bundle,
      activities: {
        recordRunEvents: async (told: ToldEvents) => void events.push(...told.events),
        forever: async () => {
          const { heartbeat, cancelled } = Context.current();
          const beat = setInterval(() => heartbeat(), 200);
          await cancelled.finally(() => clearInterval(beat));
        },
        recordDecision: async (decision: DecisionRecord) => void decisions.push(decision),
      },
    });
    const running = worker.run();
    stop = async () => {
      expect(await replayAll({ client, workflowBundle: bundle, taskQueue: queue })).toBeGreaterThan(20);
      worker.shutdown();
      await running;
      await native.close();
    };
  });
  afterAll(async () => {
    await stop();
    await connection.close();
  });

  const start = (input: object): Promise<WorkflowHandle> =>
    client.workflow.start('KitWorkflow', {
      taskQueue: queue,
      workflowId: `kit-${randomUUID()}`,
      args: [input],
      memo: { [MEMO.startedBy]: 'ann' },
    });
  const statusOf = async (handle: WorkflowHandle): Promise<RunStatus> =>
    runStatusSchema.parse(await handle.query('status'));
  const until = (handle: WorkflowHandle, what: string, holds: (status: RunStatus) => boolean): Promise<RunStatus> =>
    waitFor(
      async () => {
        const status = await statusOf(handle);
        return holds(status) ? status : undefined;
      },
      { timeoutMs: 45_000, what },
    );
  const failureOf = async (handle: WorkflowHandle): Promise<ApplicationFailure> => {
    const error: unknown = await handle.result().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(WorkflowFailedError);
    const cause = (error as WorkflowFailedError).cause;
    expect(cause).toBeInstanceOf(ApplicationFailure);
    return cause as ApplicationFailure;
  };
  const refused = async (update: Promise<unknown>): Promise<string> => {
    const error: unknown = await update.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
    return (error as WorkflowUpdateFailedError).cause?.message ?? '';
  };
  const waiting = (handle: WorkflowHandle): Promise<RunStatus> =>
    until(handle, 'the gate', (s) => s.gates.some((g) => g.state === 'open'));

  it('answers the status query in the designed shape and stores its steps as events in order', async () => {
    const handle = await start({ act: 'plain' });
    expect(await handle.result()).toBe('fine');
    const status = await statusOf(handle);
    expect(status).toMatchObject({
      state: 'done',
      progress: 100,
      phase: 'finished',
      steps: [{ id: 'one', state: 'done' }],
    });
    const own = events.filter((event) => event.runId === handle.workflowId).map((event) => event.type);
    expect(own).toEqual(['run_started', 'step_started', 'step_done', 'run_finished']);
  });

  it('refuses bad input with the nearest name, and no retry', async () => {
    const failure = await failureOf(await start({ act: 'plain', polcy: {} }));
    expect(failure).toMatchObject({ type: 'InvalidInput', nonRetryable: true });
    expect(failure.message).toContain('did you mean "policy"?');
  });

  it('carries code and details on the outermost failure', async () => {
    const failure = await failureOf(await start({ act: 'fail' }));
    expect(failure).toMatchObject({ type: 'ParityMismatch', details: [{ rows: 3 }] });
  });

  it('refuses an approval for other evidence, by the starter, for an unknown gate, and a second time', async () => {
    const handle = await start({ act: 'approve', policy: { required: 2 } });
    const { gates } = await waiting(handle);
    const evidence = gates[0]?.evidence ?? '';
    const approve = (payload: object): Promise<unknown> =>
      handle.executeUpdate('approve', { args: [{ gate: 'prod_approval', evidence, reason: 'ok', ...payload }] });
    const by = (identity: string): object => ({ by: { identity, channel: 'test' } });
    expect(await refused(approve({ evidence: `sha256:${'0'.repeat(64)}` }))).toContain('look again before you approve');
    expect(await refused(approve(by('ann')))).toContain('started this run');
    expect(await refused(approve({ gate: 'prod', ...by('bob') }))).toContain(
      'there is no gate "prod"; gates so far: prod_approval',
    );
    expect(await refused(approve({ evidense: 'x', ...by('bob') }))).toContain('did you mean "evidence"?');
    await approve(by('bob'));
    expect(await refused(approve(by('bob')))).toContain('already approved');
    await approve(by('cid'));
    const given = (await handle.result()) as { by: string }[];
    expect(given.map((d) => d.by)).toEqual(['bob', 'cid']);
    expect(decisions.filter((d) => d.runId === handle.workflowId).map((d) => [d.by, d.decision, d.evidence])).toEqual([
      ['bob', 'approve', evidence],
      ['cid', 'approve', evidence],
    ]);
  });

  it('takes a bare signal named like the gate as an unauthenticated approval, and notes one that came too early', async () => {
    const handle = await start({ act: 'approve' });
    await waiting(handle);
    await handle.signal('prod_approval');
    expect(await handle.result()).toMatchObject([{ by: 'unauthenticated', channel: 'signal' }]);
    const strict = await start({ act: 'approve', policy: { allowUnauthenticated: false } });
    await waiting(strict);
    await strict.signal('prod_approval');
    const status = await until(strict, 'the warning', (s) => s.warnings.length > 0);
    expect(status.warnings[0]).toContain('signal prod_approval had no effect');
    expect(status.gates[0]?.state).toBe('open');
    await strict.terminate();
  });

  it('ends with ApprovalRejected and the reason, or ApprovalExpired, or goes on when expiry means that', async () => {
    const rejected = await start({ act: 'approve' });
    await waiting(rejected);
    await rejected.executeUpdate('reject', {
      args: [{ gate: 'prod_approval', reason: 'too late today', by: { identity: 'bob', channel: 'test' } }],
    });
    expect(await failureOf(rejected)).toMatchObject({
      type: 'ApprovalRejected',
      message: expect.stringContaining('too late today') as string,
    });
    expect(await failureOf(await start({ act: 'approve', policy: { timeout: '200ms' } }))).toMatchObject({
      type: 'ApprovalExpired',
    });
    expect(
      await (await start({ act: 'approve', policy: { timeout: '200ms', onTimeout: 'continue' } })).result(),
    ).toEqual([]);
  });

  it('aborts with every compensation run newest first, also after one of them fails', async () => {
    const handle = await start({ act: 'compensate' });
    await until(handle, 'the wait', (s) => s.waitingFor?.name === 'forever');
    await handle.executeUpdate('abort', { args: [{ reason: 'wrong plan', by: { identity: 'bob', channel: 'test' } }] });
    expect(await failureOf(handle)).toMatchObject({ type: 'Aborted', details: [{ by: 'bob', reason: 'wrong plan' }] });
    expect((await statusOf(handle)).warnings).toEqual(['undone: third, first; failed: second UpstreamFailed']);
  });

  it('runs compensations on cancellation too, and ends cancelled', async () => {
    const handle = await start({ act: 'compensate' });
    await until(handle, 'the wait', (s) => s.waitingFor?.name === 'forever');
    await handle.cancel();
    await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    expect((await statusOf(handle)).warnings).toHaveLength(1);
  });

  it('ends cancelled also when an activity was under way, and aborted when a person said so', async () => {
    const cancelled = await start({ act: 'activity' });
    await until(cancelled, 'the work', (s) => s.steps[0]?.state === 'running');
    await cancelled.cancel();
    await expect(cancelled.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    expect((await cancelled.describe()).status.name).toBe('CANCELLED');
    const aborted = await start({ act: 'activity' });
    await until(aborted, 'the work', (s) => s.steps[0]?.state === 'running');
    await aborted.executeUpdate('abort', { args: [{ reason: 'enough' }] });
    expect(await failureOf(aborted)).toMatchObject({ type: 'Aborted' });
  });

  it('refuses an abort past the point of no return', async () => {
    const handle = await start({ act: 'irreversible' });
    await until(handle, 'the drop', (s) => s.steps[0]?.state === 'running');
    expect(await refused(handle.executeUpdate('abort', { args: [{ reason: 'no' }] }))).toContain(
      'past the point of no return: the old column is gone',
    );
    expect(await handle.result()).toBe('done');
  });

  it('stops at its next pause point and goes on when resumed', async () => {
    const handle = await start({ act: 'pause' });
    await handle.executeUpdate('pause', { args: [{ reason: 'load', by: { identity: 'bob', channel: 'test' } }] });
    const paused = await until(handle, 'the pause', (s) => s.waitingFor?.name === 'resume');
    expect(paused).toMatchObject({ state: 'paused', pausedBy: 'bob' });
    expect(await refused(handle.executeUpdate('pause', { args: [{ reason: 'again' }] }))).toContain('already paused');
    await handle.executeUpdate('resume', { args: [{}] });
    expect(await handle.result()).toBe('done');
  });

  it('holds a failed step for retry or skip, and refuses both for a step that is not held', async () => {
    const retried = await start({ act: 'hold' });
    await until(retried, 'the hold', (s) => s.waitingFor?.kind === 'person');
    expect(await refused(retried.executeUpdate('retry', { args: [{ step: 'other' }] }))).toContain(
      'step "other" is not held; held: shaky',
    );
    await retried.executeUpdate('retry', { args: [{ step: 'shaky' }] });
    expect(await retried.result()).toBe(2);
    const skipped = await start({ act: 'hold' });
    await until(skipped, 'the hold', (s) => s.waitingFor?.kind === 'person');
    await skipped.executeUpdate('skip', { args: [{ step: 'shaky', reason: 'known' }] });
    expect(await skipped.result()).toBe('skipped');
  });

  it('refuses to skip a held step on which what follows rests', async () => {
    const handle = await start({ act: 'hold', isSkippable: false });
    await until(handle, 'the hold', (s) => s.waitingFor?.kind === 'person');
    expect(await refused(handle.executeUpdate('skip', { args: [{ step: 'shaky', reason: 'known' }] }))).toContain(
      'cannot be skipped',
    );
    await handle.executeUpdate('retry', { args: [{ step: 'shaky' }] });
    expect(await handle.result()).toBe(2);
  });

  it('opens and closes a watched gate with its conditions, and takes an approval only while they hold', async () => {
    const handle = await start({ act: 'watch', policy: { required: 2 } });
    const see = (lag: number, evidence = 1): Promise<void> => handle.signal('see', { lag, evidence });
    const gate = async (state: string, observed: string): Promise<RunStatus> =>
      until(handle, state, ({ gates }) => gates[0]?.state === state && gates[0].conditions[0]?.observed === observed);
    const approve = async (identity: string): Promise<unknown> => {
      const { gates } = await statusOf(handle);
      const by = { identity, channel: 'test' };
      return handle.executeUpdate('approve', { args: [{ gate: 'cutover', evidence: gates[0]?.evidence ?? '', by }] });
    };
    await until(handle, 'the gate', ({ gates }) => gates[0]?.state === 'closed');
    await handle.signal('approveCutover');
    await see(9);
    expect((await gate('closed', '9')).waitingFor).toMatchObject({ kind: 'condition', name: 'cutover: lag' });
    expect(await refused(approve('bob'))).toContain('these do not hold: lag');
    await see(0);
    expect((await gate('open', '0')).waitingFor).toMatchObject({ kind: 'approval', name: 'cutover' });
    await approve('bob');
    await see(5);
    await gate('closed', '5');
    await see(1);
    const { gates, warnings } = await gate('open', '1');
    expect(gates[0]?.decisions).toEqual([]);
    expect(warnings[0]).toContain('signal approveCutover had no effect');
    await approve('bob');
    await approve('cid');
    expect(((await handle.result()) as { by: string }[]).map(({ by }) => by)).toEqual(['bob', 'cid']);
    const own = events.filter(({ runId, subject }) => runId === handle.workflowId && subject === 'cutover');
    expect(own.map(({ type }) => type)).toContain('gate_decisions_void');
  });

  it('shows in the parent what a child waits for, and hands the starter down for the self-approval rule', async () => {
    const parent = await start({ act: 'parent', queue });
    const status = await until(parent, 'the child', (s) => s.waitingFor !== null);
    expect(status.waitingFor).toMatchObject({ kind: 'approval', name: 'network/prod_approval' });
    expect(status.state).toBe('waiting');
    const child = client.workflow.getHandle(status.steps[0]?.children?.[0]?.workflowId ?? '');
    const evidence = (await statusOf(child)).gates[0]?.evidence ?? '';
    const approve = (identity: string): Promise<unknown> =>
      child.executeUpdate('approve', {
        args: [{ gate: 'prod_approval', evidence, by: { identity, channel: 'test' } }],
      });
    expect(await refused(approve('ann'))).toContain('started this run');
    await approve('bob');
    expect(await parent.result()).toHaveLength(1);
    await waitFor(
      () => Promise.resolve(events.some((e) => e.runId === parent.workflowId && e.workflowId.endsWith('/child'))),
      { timeoutMs: 5_000, what: 'events of the child under the run' },
    );
  });
});
