import { EVENT_RULE_LIMITS } from '@switchyard/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  due,
  ended,
  fire,
  hasRoomFor,
  limitedUntil,
  newRuleState,
  nextWake,
  onlyTroubled,
  passed,
  remember,
  resolved,
  rewritten,
  troubled,
  type RuleState,
  type RuleTiming,
} from './rule-state.js';

const MINUTE = 60_000;
const START = Date.parse('2026-01-01T00:00:00Z');
const timing = (more: Partial<RuleTiming> = {}): RuleTiming => ({
  forMs: 5 * MINUTE,
  cooldownMs: 10 * MINUTE,
  maxPer: null,
  isPolled: false,
  ...more,
});
const at = (text: string): number => {
  const [minutes = '0', seconds = '0'] = text.split(':');
  return START + Number(minutes) * MINUTE + Number(seconds) * 1_000;
};

/** Fires everything that is due, as the keeper of a rule does. */
function turn(rule: RuleTiming, given: RuleState, now: number): { state: RuleState; fired: readonly string[] } {
  let state = passed(rule, given, now);
  const fired = due(rule, state, now);
  for (const group of fired) ({ state } = fire(state, group, now));
  return { state, fired };
}

describe('an event rule', () => {
  it('does nothing for 4:59 of trouble, and fires once for 5:00', () => {
    const rule = timing();
    const pending = troubled(newRuleState, 'web1', { cpu: 91 }, at('0'));
    expect(nextWake(rule, pending, at('0'))).toBe(at('5:00'));
    expect(turn(rule, pending, at('4:59')).fired).toEqual([]);
    const fired = turn(rule, pending, at('5:00'));
    expect(fired.fired).toEqual(['web1']);
    expect(turn(rule, fired.state, at('5:01')).fired).toEqual([]);
    expect(fired.state).toMatchObject({ firings: 1, groups: { web1: { phase: 'firing', number: 1 } } });
  });

  it('begins to count again after the trouble was over', () => {
    const rule = timing();
    const over = resolved(troubled(newRuleState, 'web1', {}, at('0')), 'web1');
    expect(over.groups).toEqual({});
    const again = troubled(over, 'web1', {}, at('4:59'));
    expect(turn(rule, again, at('5:00')).fired).toEqual([]);
    expect(turn(rule, again, at('9:59')).fired).toEqual(['web1']);
  });

  it('answers all events of a group with one firing, and tells of the first and the last', () => {
    const events = [0, 1, 2].reduce((state, i) => troubled(state, 'web1', { i }, at(`${i}`)), newRuleState);
    expect(fire(events, 'web1', at('5:00')).trouble).toEqual({
      since: at('0'),
      lastSeen: at('2'),
      events: 3,
      first: { i: 0 },
      last: { i: 2 },
    });
  });

  it('fires per group, the oldest trouble first', () => {
    const two = troubled(troubled(newRuleState, 'web2', {}, at('0')), 'web1', {}, at('1'));
    expect(turn(timing(), two, at('5:30')).fired).toEqual(['web2']);
    expect(turn(timing(), two, at('7')).fired).toEqual(['web2', 'web1']);
  });

  it('is quiet for the cooldown after a firing, then fires for trouble that came meanwhile and is not over', () => {
    const rule = timing();
    let { state } = turn(rule, troubled(newRuleState, 'web1', {}, at('0')), at('5'));
    state = ended(rule, state, 1);
    expect(state.groups['web1']).toMatchObject({ phase: 'cooling', until: at('15'), trouble: null });
    state = troubled(state, 'web1', {}, at('6'));
    expect(turn(rule, state, at('14:59')).fired).toEqual([]);
    expect(turn(rule, state, at('15')).fired).toEqual(['web1']);
    expect(turn(rule, resolved(state, 'web1'), at('15'))).toMatchObject({ fired: [], state: { groups: {} } });
  });

  it('does not fire again for trouble that nobody has spoken of since the firing', () => {
    const rule = timing();
    const { state } = turn(rule, troubled(newRuleState, 'web1', {}, at('0')), at('5'));
    expect(turn(rule, ended(rule, state, 1), at('60'))).toMatchObject({ fired: [], state: { groups: {} } });
  });

  it('has one run of a group under way at most, however long that lasts', () => {
    const rule = timing({ cooldownMs: 0 });
    let { state } = turn(rule, troubled(newRuleState, 'web1', {}, at('0')), at('5'));
    state = troubled(state, 'web1', {}, at('6'));
    expect(turn(rule, state, at('90')).fired).toEqual([]);
    state = ended(rule, state, 7);
    expect(turn(rule, state, at('90')).fired).toEqual([]);
    expect(turn(rule, ended(rule, state, 1), at('90')).fired).toEqual(['web1']);
  });

  it('holds firings back beyond maxPer until the window has room', () => {
    const rule = timing({ forMs: 0, maxPer: { count: 2, windowMs: 60 * MINUTE } });
    const three = ['a', 'b', 'c'].reduce((state, name, i) => troubled(state, name, {}, at('0') + i), newRuleState);
    const first = turn(rule, three, at('1'));
    expect(first.fired).toEqual(['a', 'b']);
    expect(limitedUntil(rule, first.state, at('1'))).toBe(at('61'));
    expect(nextWake(rule, first.state, at('1'))).toBe(at('61'));
    expect(turn(rule, first.state, at('60:59')).fired).toEqual([]);
    expect(turn(rule, first.state, at('61')).fired).toEqual(['c']);
    expect(turn(rule, resolved(first.state, 'c'), at('61')).fired).toEqual([]);
  });

  it('that looks by itself fires only at a look that still sees the trouble', () => {
    const rule = timing({ isPolled: true });
    let state = troubled(newRuleState, 'web1', {}, at('0'));
    expect(nextWake(rule, state, at('0'))).toBeNull();
    expect(turn(rule, state, at('9')).fired).toEqual([]);
    state = troubled(state, 'web1', {}, at('4:59'));
    expect(turn(rule, state, at('9')).fired).toEqual([]);
    expect(turn(rule, troubled(state, 'web1', {}, at('5')), at('5')).fired).toEqual(['web1']);
    expect(onlyTroubled(state, new Set(['web2'])).groups).toEqual({});
  });

  it('counts an event once, as long as its id is remembered', () => {
    const once = remember(newRuleState, 'e0');
    expect(once?.ids).toEqual(['e0']);
    expect(once && remember(once, 'e0')).toBeUndefined();
    const ids = Array.from({ length: EVENT_RULE_LIMITS.rememberedIds }, (_, i) => `n${i}`);
    const full = ids.reduce<RuleState>((state, id) => remember(state, id) ?? state, once ?? newRuleState);
    expect(full.ids).toHaveLength(EVENT_RULE_LIMITS.rememberedIds);
    expect(remember(full, 'e0')).toBeDefined();
    expect(remember(full, 'n0')).toBeUndefined();
  });

  it('keeps a bounded number of groups', () => {
    const names = Array.from({ length: EVENT_RULE_LIMITS.groups }, (_, i) => `g${i}`);
    const full = names.reduce((state, name) => troubled(state, name, {}, START), newRuleState);
    expect(hasRoomFor(full, 'g0')).toBe(true);
    expect(hasRoomFor(full, 'one more')).toBe(false);
  });

  it('forgets the trouble when it is rewritten, and keeps runs and quiet times', () => {
    const rule = timing();
    let { state } = turn(rule, troubled(newRuleState, 'a', {}, at('0')), at('5'));
    state = troubled(troubled(state, 'a', {}, at('6')), 'b', {}, at('6'));
    expect(rewritten(state).groups).toEqual({ a: { phase: 'firing', firedAt: at('5'), number: 1, trouble: null } });
  });

  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('trouble' as const), group: fc.constantFrom('a', 'b', 'c') }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('resolve' as const), group: fc.constantFrom('a', 'b', 'c') }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('end' as const), group: fc.constantFrom('a', 'b', 'c') }) },
  );
  const scenario = fc.record({
    rule: fc.record({
      forMs: fc.integer({ min: 0, max: 20 }),
      cooldownMs: fc.integer({ min: 0, max: 40 }),
      maxPer: fc.option(
        fc.record({ count: fc.integer({ min: 1, max: 3 }), windowMs: fc.integer({ min: 1, max: 60 }) }),
      ),
      isPolled: fc.boolean(),
    }),
    steps: fc.array(fc.tuple(step, fc.integer({ min: 0, max: 15 })), { maxLength: 60 }),
  });

  it('keeps its promises whatever comes, and wakes up for everything that time alone brings', () => {
    fc.assert(
      fc.property(scenario, ({ rule, steps }) => {
        let state = newRuleState;
        let now = START;
        const firedAt: { group: string; at: number }[] = [];
        const unanswered = new Map<string, number>();
        const look = (): void => {
          state = passed(rule, state, now);
          for (const group of due(rule, state, now)) {
            const since = unanswered.get(group);
            expect(since).toBeDefined();
            expect(now - (since ?? now)).toBeGreaterThanOrEqual(rule.forMs);
            const last = firedAt.findLast((one) => one.group === group);
            if (last) expect(now - last.at).toBeGreaterThanOrEqual(rule.cooldownMs);
            const { trouble, ...next } = fire(state, group, now);
            expect(trouble.since).toBe(since);
            ({ state } = next);
            unanswered.delete(group);
            firedAt.push({ group, at: now });
          }
          const { maxPer } = rule;
          if (maxPer) {
            const within = firedAt.filter((one) => one.at > now - maxPer.windowMs);
            expect(within.length).toBeLessThanOrEqual(maxPer.count);
          }
        };
        for (const [{ do: what, group }, pause] of steps) {
          // Time goes on from wake to wake: between them a look finds nothing to do.
          const later = now + pause;
          for (
            let wake = nextWake(rule, state, now);
            wake !== null && wake <= later;
            wake = nextWake(rule, state, now)
          ) {
            expect(wake).toBeGreaterThan(now);
            expect(due(rule, passed(rule, state, wake - 1), wake - 1)).toEqual([]);
            now = wake;
            look();
          }
          now = later;
          if (what === 'trouble') {
            state = troubled(state, group, {}, now);
            unanswered.set(group, unanswered.get(group) ?? now);
          } else if (what === 'resolve') {
            state = resolved(state, group);
            unanswered.delete(group);
          } else {
            const running = state.groups[group];
            if (running?.phase === 'firing') state = ended(rule, state, running.number);
          }
          look();
        }
      }),
      { numRuns: 500 },
    );
  });
});
