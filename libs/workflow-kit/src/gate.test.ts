import { approvalPolicySchema, UNAUTHENTICATED } from '@switchyard/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AT, decision, EVIDENCE, gate } from '../test/gates.js';
import { closedGate, decide, expire, leaveGate, refusalOf, showGate, type Gate } from './gate.js';

describe('a gate', () => {
  it('is approved at once when nobody is required', () => {
    expect(gate({ required: 0 }).status.state).toBe('approved');
  });

  it('stays open until enough different people agree', () => {
    const once = decide(gate({ required: 2 }), decision('bob'));
    expect(once.status.state).toBe('open');
    expect(refusalOf(once, decision('bob'))).toContain('already approved');
    expect(decide(once, decision('cid')).status.state).toBe('approved');
  });

  it('counts all unauthenticated decisions together as one person, or none where the policy forbids them', () => {
    const once = decide(gate({ required: 2 }), decision(UNAUTHENTICATED));
    expect(refusalOf(once, decision(UNAUTHENTICATED))).toContain('already approved');
    expect(refusalOf(gate({ allowUnauthenticated: false }), decision(UNAUTHENTICATED))).toContain('say who they are');
  });

  it('refuses the starter unless self-approval is on, and lets the starter reject', () => {
    expect(refusalOf(gate(), decision('ann'))).toContain('another person must');
    expect(refusalOf(gate({ selfApproval: true }), decision('ann'))).toBeUndefined();
    expect(refusalOf(gate(), decision('ann', { decision: 'reject' }))).toBeUndefined();
  });

  it('refuses other evidence, a missing reason, and a condition that is unknown', () => {
    expect(refusalOf(gate(), decision('bob', { evidence: 'sha256:0' }))).toContain('is not what gate "plan" shows now');
    expect(refusalOf(gate({ reasonRequired: true }), decision('bob', { reason: ' ' }))).toContain('needs a reason');
    const unknown = gate({}, [{ name: 'lag', required: '0', observed: '?', state: 'unknown', source: 'slot', at: AT }]);
    expect(refusalOf(unknown, decision('bob'))).toContain('do not hold: lag');
  });

  it('never leaves a closed state again, whatever comes', () => {
    const message = fc.record({
      by: fc.constantFrom('ann', 'bob', 'cid'),
      decision: fc.constantFrom('approve' as const, 'reject' as const),
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(message, fc.constant('expire' as const)), { maxLength: 12 }), (messages) => {
        let now = gate({ required: 2 });
        for (const next of messages) {
          const before = now.status.state;
          if (next === 'expire') now = expire(now);
          else if (refusalOf(now, decision(next.by, { decision: next.decision })) === undefined)
            now = decide(now, decision(next.by, { decision: next.decision }));
          if (before !== 'open') expect(now.status.state).toBe(before);
          const people = new Set(now.status.decisions.filter((d) => d.decision === 'approve').map((d) => d.by));
          if (now.status.state === 'approved') expect(people.size).toBe(2);
          expect(people.has('ann')).toBe(false);
        }
      }),
    );
  });
});

describe('a watched gate', () => {
  const closed = (policy: object = {}): Gate =>
    closedGate({ name: 'cutover', title: 'Switch', policy: approvalPolicySchema.parse(policy), startedBy: 'ann' });
  const lag = (state: 'pass' | 'fail' | 'unknown'): Gate['status']['conditions'][number] => ({
    name: 'lag',
    required: 'at most 1 s',
    observed: '?',
    state,
    source: 'slot',
    at: AT,
  });
  const show = (seen: Gate, state: 'pass' | 'fail' | 'unknown', evidence = EVIDENCE): Gate =>
    showGate(seen, { evidence, shown: [], conditions: [lag(state)] }, new Date(AT));

  it('takes no decision before its conditions were seen, and says what is missing', () => {
    expect(refusalOf(closed(), decision('bob'))).toBe('gate "cutover" is closed, not open');
    expect(refusalOf(show(closed(), 'unknown'), decision('bob'))).toContain('these do not hold: lag');
    expect(showGate(closed(), { evidence: EVIDENCE, shown: [], conditions: [] }, new Date(AT)).status.state).toBe(
      'closed',
    );
  });

  it('opens with its conditions and closes with them, and approvals given meanwhile are void', () => {
    const once = decide(show(closed({ required: 2 }), 'pass'), decision('bob'));
    expect(once.status).toMatchObject({ state: 'open', openedAt: AT, decisions: [{ by: 'bob' }] });
    expect(show(once, 'pass').status.decisions).toHaveLength(1);
    expect(show(show(once, 'fail'), 'pass').status).toMatchObject({ state: 'open', decisions: [] });
    expect(show(once, 'pass', 'sha256:other').status).toMatchObject({ state: 'open', decisions: [] });
  });

  it('closes after an approval when its conditions no longer hold', () => {
    const approved = decide(show(closed(), 'pass'), decision('bob'));
    expect(approved.status.state).toBe('approved');
    expect(show(approved, 'fail').status).toMatchObject({ state: 'closed', decisions: [] });
  });

  it('is closed when nobody waits at it any more, and keeps what was decided', () => {
    const once = decide(show(closed({ required: 2 }), 'pass'), decision('bob'));
    expect(leaveGate(once).status).toMatchObject({ state: 'closed', decisions: [], conditions: [{ name: 'lag' }] });
    const approved = decide(show(closed(), 'pass'), decision('bob'));
    expect(leaveGate(approved)).toBe(approved);
  });

  it('stays rejected or expired, and waiting alone never passes one that is closed', () => {
    const rejected = decide(show(closed(), 'pass'), decision('bob', { decision: 'reject' }));
    expect(show(rejected, 'pass').status.state).toBe('rejected');
    const lenient = closed({ timeout: '1h', onTimeout: 'continue' });
    expect(expire(show(lenient, 'fail')).status.state).toBe('expired');
    expect(expire(show(lenient, 'pass')).status.state).toBe('approved');
  });
});
