import { UNAUTHENTICATED, type Decision } from '@switchyard/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AT, decision, gate } from '../test/gates.js';
import { answersOf } from './gate-answers.js';
import { deadlineOf, decide, overdue, refusalOf, revoke, revokeRefusal, type Gate } from './gate.js';

const START = Date.parse(AT);
const MINUTE = 60_000;

/** Takes decisions that must not be refused. */
const take = (start: Gate, ...decisions: readonly Decision[]): Gate =>
  decisions.reduce((now, next) => {
    expect(refusalOf(now, next)).toBeUndefined();
    return decide(now, next);
  }, start);

describe('groups of a gate', () => {
  const two = { groups: [{ name: 'dba', members: ['bob'] }, { name: 'ops' }], required: 2 };

  it('must all agree, each by people of its own: by name, or by what sign-in says', () => {
    const once = take(gate(two), decision('bob'));
    expect(once.status).toMatchObject({
      state: 'open',
      groups: [
        { name: 'dba', approvals: 1, required: 1 },
        { name: 'ops', approvals: 0, required: 1 },
      ],
    });
    expect(take(once, decision('cid', { groups: ['ops', 'staff'] })).status).toMatchObject({
      state: 'approved',
      decisions: [{ groups: ['dba'] }, { groups: ['ops'] }],
    });
  });

  it('do not agree when enough people of one of them have approved', () => {
    const more = take(gate(two), decision('bob'), decision('dan', { groups: ['dba'] }));
    expect(more.status.state).toBe('open');
  });

  it('keep everybody else from deciding, also from rejecting, and whoever does not say who they are', () => {
    expect(refusalOf(gate(two), decision('eve'))).toContain('eve is in none of the groups');
    expect(refusalOf(gate(two), decision('eve', { decision: 'reject' }))).toContain('dba, ops');
    expect(refusalOf(gate(two), decision(UNAUTHENTICATED, { groups: ['ops'] }))).toContain('none of the groups');
  });
});

describe('escalation of a gate', () => {
  const boss = { name: 'boss', members: ['zoe'] };
  const dba = [{ name: 'dba', members: ['bob', 'cid'], required: 2 }];

  it('asks a further group after a time, whose approval alone is enough then', () => {
    const waiting = gate({ groups: dba, required: 2, timeout: '1h', escalation: { after: '10m', group: boss } });
    expect(deadlineOf(waiting)).toBe(START + 10 * MINUTE);
    expect(refusalOf(waiting, decision('zoe'))).toContain('none of the groups');
    const asked = overdue(waiting, new Date(START + 10 * MINUTE));
    expect(asked.status).toMatchObject({
      state: 'open',
      escalatedAt: '2026-01-01T00:10:00.000Z',
      groups: [{ name: 'dba' }, { name: 'boss', isFurther: true }],
    });
    expect(take(asked, decision('zoe')).status.state).toBe('approved');
    expect(take(asked, decision('bob'), decision('cid')).status.state).toBe('approved');
    expect(deadlineOf(asked)).toBe(START + 60 * MINUTE);
    expect(overdue(asked, new Date(START + 60 * MINUTE)).status.state).toBe('expired');
  });

  it('gives the further group another time-out where that is what expiry means, then rejects', () => {
    const waiting = gate({ timeout: '1h', onTimeout: 'escalate', escalation: { group: boss } });
    const asked = overdue(waiting, new Date(START + 60 * MINUTE));
    expect(asked.status).toMatchObject({ state: 'open', expiresAt: '2026-01-01T02:00:00.000Z' });
    // Without groups of its own anybody may still decide.
    expect(take(asked, decision('eve')).status.state).toBe('approved');
    expect(overdue(asked, new Date(START + 120 * MINUTE)).status.state).toBe('expired');
  });

  it('leaves a decided gate alone', () => {
    const policy = { timeout: '1h', onTimeout: 'escalate', escalation: { group: boss } };
    const approved = take(gate(policy), decision('bob'));
    expect(overdue(approved, new Date(START + 60 * MINUTE))).toBe(approved);
  });
});

describe('answers at a gate', () => {
  const policy = {
    required: 2,
    fields: {
      window: { type: 'string', enum: ['night', 'noon'], description: 'When' },
      servers: { type: 'integer', default: 2 },
      note: { type: 'string', required: false },
    },
  };

  it('are asked for, fit their type, and a later one wins', () => {
    expect(refusalOf(gate(policy), decision('bob'))).toBe('the gate asks for "window" (string): When');
    expect(refusalOf(gate(policy), decision('bob', { fields: { window: 'dawn' } }))).toContain(
      'must be one of "night"',
    );
    expect(refusalOf(gate(policy), decision('bob', { fields: { windwo: 'night' } }))).toContain(
      'did you mean "window"',
    );
    const once = take(gate(policy), decision('bob', { fields: { window: 'night' } }));
    expect(once.status.answers).toEqual({ window: 'night', servers: 2 });
    const both = take(once, decision('cid', { fields: { servers: 3 } }));
    expect(both.status).toMatchObject({ state: 'approved', answers: { window: 'night', servers: 3 } });
    expect(answersOf(both.policy, both.status.decisions)).toEqual(both.status.answers);
  });

  it('are not asked for by a rejection', () => {
    expect(refusalOf(gate(policy), decision('bob', { decision: 'reject' }))).toBeUndefined();
  });
});

describe('an approval', () => {
  it('can be taken back by whoever gave it, with its answers, and given again', () => {
    const fields = { window: { type: 'string' } };
    const once = take(gate({ required: 2, fields }), decision('bob', { fields: { window: 'night' } }));
    expect(revokeRefusal(once, 'cid')).toContain('cid has not approved');
    expect(revokeRefusal(once, 'bob')).toBeUndefined();
    const none = revoke(once, 'bob');
    expect(none.status).toMatchObject({ state: 'open', decisions: [], answers: {} });
    expect(refusalOf(none, decision('bob', { fields: { window: 'noon' } }))).toBeUndefined();
  });

  it('that was the last one needed opens the gate again when it is taken back; a rejection stays', () => {
    const approved = take(gate({ required: 1 }), decision('bob'));
    expect(revoke(approved, 'bob').status.state).toBe('open');
    const rejected = take(gate({ required: 1 }), decision('bob', { decision: 'reject' }));
    expect(revokeRefusal(rejected, 'bob')).toBe('gate "plan" is rejected');
  });
});

it('a gate with groups is approved only while enough people of each group stand by it, whatever comes', () => {
  const policy = {
    required: 2,
    timeout: '1h',
    groups: [
      { name: 'dba', members: ['bob', 'cid'] },
      { name: 'ops', members: ['cid', 'dan'] },
    ],
    escalation: { after: '10m', group: { name: 'boss', members: ['zoe'] } },
  };
  const people = fc.constantFrom('ann', 'bob', 'cid', 'dan', 'zoe', 'eve');
  const message = fc.record({ by: people, what: fc.constantFrom('approve' as const, 'revoke' as const) });
  fc.assert(
    fc.property(fc.array(fc.oneof(message, fc.constant('time' as const)), { maxLength: 20 }), (messages) => {
      let now = gate(policy);
      let clock = START;
      for (const next of messages) {
        if (next === 'time') {
          clock = Math.max(clock, deadlineOf(now) ?? clock);
          now = overdue(now, new Date(clock));
        } else if (next.what === 'approve') {
          if (refusalOf(now, decision(next.by)) === undefined) now = decide(now, decision(next.by));
        } else if (revokeRefusal(now, next.by) === undefined) now = revoke(now, next.by);
        const { decisions, state, escalatedAt } = now.status;
        const have = (...names: string[]): boolean => decisions.some(({ by }) => names.includes(by));
        expect(have('ann', 'eve')).toBe(false);
        if (state === 'expired') continue;
        const byGroups = decisions.length >= 2 && have('bob', 'cid') && have('cid', 'dan');
        expect(state === 'approved').toBe(byGroups || (typeof escalatedAt === 'string' && have('zoe')));
      }
    }),
  );
});
