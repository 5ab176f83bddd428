import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evidenceOf, refusal } from './gates.js';
import { failureOf, startHarness, type Harness } from './harness.js';

const gate = (policy: object): object => ({ id: 'go', uses: 'approval', with: { title: 'Go?', ...policy } });
const after = (playbook: string, more: object = {}): object => ({
  id: 'act',
  uses: 'ansible',
  needs: ['go'],
  with: { playbook, ...more },
});
const by = (identity: string, groups?: readonly string[]): object => ({
  by: { identity, channel: 'cli', ...(groups ? { groups } : {}) },
});

describe('the approval of a runbook', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness.stop());

  const atGate = (handle: WorkflowHandle): Promise<string> => evidenceOf(harness, handle);
  const update = (handle: WorkflowHandle, name: string, payload: object): Promise<unknown> =>
    handle.executeUpdate(name, { args: [{ gate: 'go', ...payload }] });
  const decisionsOf = (handle: WorkflowHandle): unknown[] =>
    harness.decisions.filter((one) => one.workflowId === handle.workflowId);

  it('needs each of its groups, and records for which one a decision counts', async () => {
    const groups = [{ name: 'dba', members: ['bob'] }, { name: 'ops' }];
    const handle = await harness.start([gate({ required: 2, groups })]);
    const evidence = await atGate(handle);
    expect(await refusal(update(handle, 'approve', { evidence, ...by('eve') }))).toContain('in none of the groups');
    await update(handle, 'approve', { evidence, ...by('bob') });
    await update(handle, 'approve', { evidence, ...by('cid', ['ops', 'staff']) });
    await handle.result();
    expect(decisionsOf(handle)).toMatchObject([
      { by: 'bob', groups: ['dba'] },
      { by: 'cid', groups: ['ops'] },
    ]);
  });

  it('gives its answers to later steps', async () => {
    const fields = { window: { type: 'string', enum: ['night', 'noon'] }, servers: { type: 'integer', default: 2 } };
    const handle = await harness.start([
      gate({ fields }),
      after('${{ steps.go.result.fields.window }}.yml', { forks: '${{ steps.go.result.fields.servers }}' }),
    ]);
    const evidence = await atGate(handle);
    expect(await refusal(update(handle, 'approve', { evidence, ...by('bob') }))).toContain('asks for "window"');
    expect(await refusal(update(handle, 'approve', { evidence, fields: { window: 1 }, ...by('bob') }))).toContain(
      'must be a string',
    );
    await update(handle, 'approve', { evidence, fields: { window: 'night' }, ...by('bob') });
    expect(await handle.result()).toMatchObject({
      steps: { go: { result: { fields: { window: 'night', servers: 2 }, decisions: [{ by: 'bob' }] } } },
    });
    expect(harness.notesOf(handle)).toEqual(['night.yml']);
    expect(harness.inputOf(handle, 'night.yml')).toMatchObject({ forks: 2 });
    expect(decisionsOf(handle)).toMatchObject([{ by: 'bob', fields: { window: 'night' } }]);
  });

  it('asks a further group after a time, in sight of everybody', async () => {
    const groups = [{ name: 'dba', members: ['bob'] }];
    const escalation = { after: 500, group: { name: 'boss', members: ['zoe'] } };
    const handle = await harness.start([gate({ groups, timeout: '1h', escalation })]);
    const evidence = await atGate(handle);
    const status = await harness.until(
      handle,
      'the gate is escalated',
      (s) => (s.gates[0]?.escalatedAt ?? null) !== null,
    );
    expect(status.gates[0]?.groups).toMatchObject([{ name: 'dba' }, { name: 'boss', isFurther: true }]);
    expect(status.steps[0]?.detail).toContain('escalated to group boss');
    await update(handle, 'approve', { evidence, ...by('zoe') });
    await handle.result();
    const told = harness.events.filter((one) => one.runId === handle.workflowId && one.subject === 'go');
    expect(told.map(({ type }) => type)).toEqual([
      'gate_opened',
      'gate_escalated',
      'decision_approve',
      'gate_approved',
    ]);
  });

  it('expires only after the further group had its time too', async () => {
    const policy = { timeout: 300, onTimeout: 'escalate', escalation: { group: { name: 'boss' } } };
    const handle = await harness.start([gate(policy)]);
    expect((await failureOf(handle.result())).code).toBe('ApprovalExpired');
    const told = harness.events.filter((one) => one.runId === handle.workflowId && one.subject === 'go');
    expect(told.map(({ type }) => type)).toEqual(['gate_opened', 'gate_escalated', 'gate_expired']);
  });

  it('can be taken back while others are needed, and what was taken back is in the audit', async () => {
    const handle = await harness.start([gate({ required: 2 })]);
    const evidence = await atGate(handle);
    await update(handle, 'approve', { evidence, ...by('bob') });
    expect(await refusal(update(handle, 'revoke', by('cid')))).toContain('cid has not approved');
    await update(handle, 'revoke', { reason: 'a typo', ...by('bob') });
    expect((await harness.statusOf(handle)).gates[0]?.decisions).toEqual([]);
    for (const person of ['cid', 'bob']) await update(handle, 'approve', { evidence, ...by(person) });
    await handle.result();
    expect(decisionsOf(handle)).toMatchObject([
      { by: 'bob', decision: 'approve' },
      { by: 'bob', decision: 'revoke', reason: 'a typo' },
      { by: 'cid', decision: 'approve' },
      { by: 'bob', decision: 'approve' },
    ]);
  });

  it('can be taken back while the run is paused, and no longer when what follows has begun', async () => {
    const handle = await harness.start([gate({}), after('slow.yml')]);
    const evidence = await atGate(handle);
    await handle.executeUpdate('pause', { args: [{ reason: 'wait', ...by('ann') }] });
    await update(handle, 'approve', { evidence, ...by('bob') });
    await harness.until(handle, 'the run waits to be resumed', (s) => s.gates[0]?.state === 'approved');
    await update(handle, 'revoke', { reason: 'not yet', ...by('bob') });
    expect((await harness.statusOf(handle)).gates[0]?.state).toBe('open');
    await update(handle, 'approve', { evidence, ...by('cid') });
    await handle.executeUpdate('resume', { args: [by('ann')] });
    await harness.until(handle, 'the playbook runs', () => harness.notesOf(handle).includes('slow.yml'));
    expect(await refusal(update(handle, 'revoke', { reason: 'too late', ...by('cid') }))).toContain('has begun');
    await handle.executeUpdate('abort', { args: [{ reason: 'the test is over', ...by('ann') }] });
    expect(await failureOf(handle.result())).toMatchObject({ code: 'Aborted' });
  });
});
