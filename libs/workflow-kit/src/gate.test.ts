import { approvalPolicySchema, UNAUTHENTICATED, type Decision } from '@switchyard/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, expire, openGate, refusalOf, type Gate } from './gate.js';

const EVIDENCE = `sha256:${'a'.repeat(64)}`;
const at = '2026-01-01T00:00:00.000Z';
const gate = (policy: object = {}, conditions: Gate['status']['conditions'] = []): Gate =>
  openGate({
    name: 'plan',
    title: 'Apply',
    policy: approvalPolicySchema.parse(policy),
    evidence: EVIDENCE,
    shown: [],
    conditions,
    startedBy: 'ann',
    now: new Date(at),
  });
const decision = (by: string, more: Partial<Decision> = {}): Decision => ({
  by,
  channel: 'cli',
  decision: 'approve',
  reason: '',
  at,
  evidence: EVIDENCE,
  ...more,
});

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
    const unknown = gate({}, [{ name: 'lag', required: '0', observed: '?', state: 'unknown', source: 'slot', at }]);
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
