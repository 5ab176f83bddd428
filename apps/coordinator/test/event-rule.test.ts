import type { EventRuleStatus } from '@switchyard/contracts';
import { WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { failureOf, startHarness, type Harness } from './harness.js';
import { ruleOf, ruleStatusOf, SCALE_OUT, startRule, until } from './rules.js';

const by = (identity: string): object => ({ by: { identity, channel: 'cli' } });

describe('an event rule', () => {
  let harness: Harness;
  const living = new Set<WorkflowHandle>();
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterEach(async () => {
    for (const handle of living) await handle.executeUpdate('delete', { args: [{}] });
    living.clear();
  });
  afterAll(() => harness.stop());

  const start = async (more: object = {}): Promise<WorkflowHandle> => {
    const handle = await startRule(harness.client, { rule: ruleOf(more), timeout: '5 minutes' });
    living.add(handle);
    return handle;
  };
  const end = async (handle: WorkflowHandle): Promise<unknown> => {
    living.delete(handle);
    await handle.executeUpdate('delete', { args: [{ reason: 'the test is over', ...by('ann') }] });
    return handle.result();
  };
  const send = (handle: WorkflowHandle, id: string, data: object): Promise<void> =>
    handle.signal('event', { id, data });
  const hasEnded = ({ firings }: EventRuleStatus): boolean =>
    firings.length > 0 && firings.every(({ state }) => state !== 'running');
  const refusal = async (update: Promise<unknown>): Promise<string> => {
    const error: unknown = await update.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof WorkflowUpdateFailedError)) throw error ?? new Error('it was accepted');
    return String(error.cause?.message);
  };

  it('runs its runbook once for all events of a group, when the trouble has lasted', async () => {
    const handle = await start({ for: 1_500 });
    await send(handle, 'e1', { host: 'web1', cpu: 91 });
    await send(handle, 'e2', { host: 'web1', cpu: 99 });
    const pending = await until(handle, 'two events came', (status) => status.counts.events === 2);
    expect(pending.groups).toMatchObject([{ group: 'web1', phase: 'pending', events: 2 }]);
    const [first] = (await until(handle, 'the firing ended', hasEnded)).firings;
    expect(first).toMatchObject({ number: 1, group: 'web1', events: 2, state: 'succeeded', error: null });
    expect(Date.parse(first?.at ?? '') - Date.parse(first?.since ?? '')).toBeGreaterThanOrEqual(1_500);
    expect(harness.notesOf(handle)).toEqual(['web1.yml']);
    expect((await ruleStatusOf(handle)).groups).toMatchObject([{ group: 'web1', phase: 'cooling', events: 0 }]);
    expect(await end(handle)).toEqual({ runId: handle.workflowId, firings: 1 });
    const told = harness.events.filter((one) => one.runId === handle.workflowId).map(({ type }) => type);
    expect(told).toEqual(expect.arrayContaining(['group_pending', 'rule_fired', 'firing_ended', 'run_finished']));
  });

  it('forgets trouble that is over in time, and an event that is delivered twice', async () => {
    const handle = await start({ for: '1h' });
    await send(handle, 'e1', { host: 'web1', cpu: 91 });
    await send(handle, 'e1', { host: 'web1', cpu: 91 });
    await send(handle, 'e2', { host: 'web2', cpu: 91 });
    await send(handle, 'e3', { host: 'web1', cpu: 12 });
    const status = await until(handle, 'all events came', ({ counts }) => counts.events === 3);
    expect(status).toMatchObject({ groups: [{ group: 'web2', events: 1 }], counts: { duplicates: 1, firings: 0 } });
  });

  it('fires at most maxPer times for all its groups, and says until when it holds back', async () => {
    const handle = await start({ maxPer: { count: 1, window: '1h' } });
    await send(handle, 'e1', { host: 'web1', cpu: 91 });
    await send(handle, 'e2', { host: 'web2', cpu: 91 });
    const status = await until(handle, 'the rule is limited', ({ limitedUntil }) => limitedUntil !== null);
    expect(status.firings).toMatchObject([{ group: 'web1' }]);
    expect(status.groups).toContainEqual(expect.objectContaining({ group: 'web2', phase: 'pending' }));
    await until(handle, 'the firing ended', hasEnded);
    expect(harness.notesOf(handle)).toEqual(['web1.yml']);
  });

  it('fires again after the cooldown for trouble that came meanwhile', async () => {
    const handle = await start({ cooldown: 1_000 });
    await send(handle, 'e1', { host: 'web1', cpu: 91 });
    await until(handle, 'the first firing', ({ firings }) => firings.length === 1);
    await send(handle, 'e2', { host: 'web1', cpu: 92 });
    await send(handle, 'e3', { host: 'web1', cpu: 93 });
    const { firings } = await until(handle, 'the second firing', (status) => status.firings.length === 2);
    const [second, first] = firings;
    expect(second).toMatchObject({ number: 2, events: 2 });
    expect(Date.parse(second?.at ?? '') - Date.parse(first?.at ?? '')).toBeGreaterThanOrEqual(1_000);
    await until(handle, 'both ended', hasEnded);
  });

  it('that is paused takes events and fires when it is resumed', async () => {
    const handle = await start();
    await handle.executeUpdate('pause', { args: [{ reason: 'maintenance', ...by('bob') }] });
    await send(handle, 'e1', { host: 'web1', cpu: 91 });
    await until(handle, 'the event came', ({ counts, isPaused }) => isPaused && counts.events === 1);
    expect((await ruleStatusOf(handle)).groups).toMatchObject([{ phase: 'pending' }]);
    await handle.executeUpdate('resume', { args: [by('bob')] });
    await until(handle, 'it fired', hasEnded);
    expect(harness.notesOf(handle)).toEqual(['web1.yml']);
  });

  it('lives on when a firing cannot be started, and when its run fails', async () => {
    const handle = await start({ inputs: { host: '${{ firing.last.name }}' } });
    await send(handle, 'e1', { host: 'web1', cpu: 91 });
    await send(handle, 'e2', { host: 'web2', cpu: 91, name: 'fail-web2' });
    const { firings } = await until(handle, 'both ended', (status) => status.firings.length === 2 && hasEnded(status));
    expect(firings.toSorted((a, b) => a.number - b.number)).toMatchObject([
      {
        runId: null,
        state: 'failed',
        error: { code: 'InvalidInput', message: expect.stringContaining('name') as string },
      },
      { state: 'failed', error: { code: 'AnsibleHostsFailed' } },
    ]);
    expect((await ruleStatusOf(handle)).groups).toMatchObject([{ phase: 'cooling' }, { phase: 'cooling' }]);
  });

  it('refuses events that it cannot read, and says why once', async () => {
    const handle = await start();
    await handle.signal('event', { id: 'e1' });
    await send(handle, 'e2', { host: 'web1' });
    await send(handle, 'e3', { host: 'web1', cpu: 99, text: 'x'.repeat(5_000) });
    // As a program in Go sends a protobuf message: no worker in TypeScript reads that.
    await harness.client.workflowService.signalWorkflowExecution({
      namespace: harness.client.options.namespace,
      workflowExecution: { workflowId: handle.workflowId },
      signalName: 'event',
      input: { payloads: [{ metadata: { encoding: Buffer.from('json/protobuf') }, data: Buffer.from('{}') }] },
    });
    await until(handle, 'all were refused', ({ counts }) => counts.refused === 4);
    const { warnings } = await harness.statusOf(handle);
    expect(warnings).toEqual([
      expect.stringContaining('data: is required'),
      expect.stringContaining('event e2 was refused: when: cannot evaluate'),
      expect.stringContaining('longer than 4,096 characters'),
      'an event was refused: send it as JSON: Unknown encoding: json/protobuf',
    ]);
  });

  it('takes another version of itself: pending groups begin anew; a broken one or another name is refused', async () => {
    const handle = await start({ for: '1h' });
    await send(handle, 'e1', { host: 'web1', cpu: 91 });
    await until(handle, 'the group is pending', ({ groups }) => groups.length === 1);
    const apply = (rule: object): Promise<unknown> => handle.executeUpdate('apply', { args: [{ rule, ...by('bob') }] });
    expect(await refusal(apply(ruleOf({ when: 'event.cpu >' })))).toContain('is not CEL');
    expect(await refusal(apply(ruleOf({ metadata: { name: 'disk' } })))).toContain('this is rule "cpu", not "disk"');
    expect(await apply(ruleOf({ for: '1h' }))).toMatchObject({ message: expect.stringContaining('already') as string });
    expect((await ruleStatusOf(handle)).groups).toHaveLength(1);
    const before = await ruleStatusOf(handle);
    await apply(ruleOf({ when: 'event.cpu > 50' }));
    const after = await ruleStatusOf(handle);
    expect(after).toMatchObject({ groups: [], counts: { firings: 0 } });
    expect(after.digest).not.toBe(before.digest);
    await send(handle, 'e2', { host: 'web1', cpu: 60 });
    await until(handle, 'the new version fired', hasEnded);
    expect(harness.decisions.filter((one) => one.workflowId === handle.workflowId)).toMatchObject([
      { subject: 'rule', decision: 'apply', by: 'bob', evidence: after.digest },
    ]);
  });

  it('that is deleted leaves the run that it has started alone', async () => {
    const handle = await start();
    await send(handle, 'e1', { host: 'slow-web1', cpu: 91 });
    await until(handle, 'the playbook runs', () => harness.notesOf(handle).includes('slow-web1.yml'));
    const { firings } = await ruleStatusOf(handle);
    expect(await end(handle)).toMatchObject({ firings: 1 });
    const run = harness.client.workflow.getHandle(firings[0]?.runId ?? '');
    expect((await run.describe()).status.name).toBe('RUNNING');
    await run.executeUpdate('abort', { args: [{ reason: 'the test is over', ...by('ann') }] });
    expect(await failureOf(run.result())).toMatchObject({ code: 'Aborted' });
  });

  it('shows what its runs wait for, and whoever applied it may not approve them', async () => {
    const gate = { id: 'go', uses: 'approval', with: { title: 'Scale out?' } };
    const handle = await start({ runbook: { ...SCALE_OUT, steps: [gate] } });
    await send(handle, 'e1', { host: 'web1', cpu: 91 });
    const status = await harness.until(handle, 'a run waits', (s) => s.waitingFor?.name === 'fire/go');
    const child = status.steps.flatMap(({ children = [] }) => children)[0]?.workflowId ?? '';
    const run = harness.client.workflow.getHandle(child);
    const evidence = (await harness.statusOf(run)).gates[0]?.evidence;
    const approve = (identity: string): Promise<unknown> =>
      run.executeUpdate('approve', { args: [{ gate: 'go', evidence, reason: '', ...by(identity) }] });
    expect(await refusal(approve('ann'))).toContain('started this run');
    await approve('bob');
    await until(handle, 'the run ended', hasEnded);
  });

  it('looks at a metric by itself: what a look does not name is over, and a failed look changes nothing', async () => {
    harness.http.metric = [{ host: 'web1', cpu: 95 }];
    const poll = { url: 'http://fake/metric', every: '1s' };
    const handle = await start({ poll, for: '1h' });
    await until(handle, 'the first look', ({ groups }) => groups[0]?.group === 'web1');
    harness.http.metric = 'fail';
    const blind = await until(handle, 'a failed look', ({ lastLook }) => (lastLook?.problem ?? null) !== null);
    expect(blind.lastLook?.problem).toContain('answered 500');
    expect(blind.groups).toMatchObject([{ group: 'web1', phase: 'pending' }]);
    harness.http.metric = [{ host: 'web2', cpu: 95 }];
    const seen = await until(handle, 'another look', ({ lastLook }) => lastLook?.problem === null);
    expect(seen.groups).toMatchObject([{ group: 'web2', phase: 'pending' }]);
    await send(handle, 'e1', { host: 'web3', cpu: 95 });
    await until(handle, 'an event is refused', ({ counts }) => counts.refused === 1);
  });

  it('continues as new with all that it knows, and loses no event', async () => {
    const handle = await start({ for: '1h' });
    await handle.executeUpdate('pause', { args: [{ reason: 'storm', ...by('bob') }] });
    const { runId } = await handle.describe();
    let sent = 0;
    const burst = async (): Promise<void> => {
      await Promise.all(
        Array.from({ length: 40 }, () => send(handle, `e${++sent}`, { host: `web${sent % 3}`, cpu: 91 })),
      );
      // A storm without a pause would show how much the server buffers, not what the rule does.
      await until(handle, 'most events were read', ({ counts }) => counts.events >= sent - 20);
    };
    while ((await handle.describe()).runId === runId) {
      expect(sent).toBeLessThan(2_000);
      await burst();
    }
    await burst();
    await send(handle, 'e1', { host: 'web0', cpu: 91 });
    await send(handle, `e${sent}`, { host: 'web0', cpu: 91 });
    const status = await until(
      handle,
      'every event was read',
      ({ counts }) => counts.events + counts.duplicates >= sent + 2,
    );
    expect(status).toMatchObject({ isPaused: true, groups: [{}, {}, {}] });
    expect(sent).toBeLessThan(1_000);
    expect(status.counts).toMatchObject({ events: sent, duplicates: 2 });
    expect(status.groups.reduce((sum, { events }) => sum + events, 0)).toBe(sent);
  });
});
