import { stepSchema } from '@switchyard/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isFinished,
  newSchedule,
  nextSteps,
  planOf,
  settled,
  started,
  stopped,
  type PlannedStep,
  type Schedule,
} from './scheduler.js';

const step = (id: string, needs: string[] = [], when?: string | boolean): PlannedStep => {
  const [planned] = planOf([stepSchema.parse({ id, uses: 'wait', needs, ...(when === undefined ? {} : { when }) })]);
  if (!planned) throw new Error('no step');
  return planned;
};
const how = (outcome: 'successful' | 'failed' | 'skipped') => ({ outcome, blockedBy: [] });
const actions = (schedule: Schedule): string[] => nextSteps(schedule).map((d) => `${d.action} ${d.id}`);

describe('nextSteps', () => {
  it('starts what needs nothing, and the rest after their needs', () => {
    let schedule = newSchedule([step('a'), step('b', ['a']), step('c')]);
    expect(actions(schedule)).toEqual(['start a', 'start c']);
    schedule = started(started(schedule, 'a'), 'c');
    expect(actions(schedule)).toEqual([]);
    schedule = settled(schedule, 'a', how('successful'));
    expect(actions(schedule)).toEqual(['start b']);
  });
  it('runs a step that needs a skipped one', () => {
    const schedule = settled(newSchedule([step('a'), step('b', ['a'])]), 'a', how('skipped'));
    expect(actions(schedule)).toEqual(['start b']);
  });
  it('does not run a step that needs a failed one, nor what comes behind it', () => {
    let schedule = settled(newSchedule([step('a'), step('b', ['a']), step('c', ['b'])]), 'a', how('failed'));
    expect(nextSteps(schedule)).toEqual([
      { id: 'b', action: 'skip', blockedBy: ['a'], reason: 'not run, because "a" failed' },
    ]);
    schedule = settled(schedule, 'b', { outcome: 'skipped', blockedBy: ['a'] });
    expect(actions(schedule)).toEqual(['skip c']);
  });
  it('asks the `when` of a step that speaks of the failed step, or that is always to run', () => {
    const plan = [
      step('a'),
      step('b', ['a'], "steps.a.outcome == 'failed'"),
      step('c', ['a'], true),
      step('d', ['a'], 'inputs.x'),
    ];
    const schedule = settled(newSchedule(plan), 'a', how('failed'));
    expect(actions(schedule)).toEqual(['start b', 'start c', 'skip d']);
  });
  it('asks the `when` of a step that speaks of a failure further back', () => {
    const plan = [step('a'), step('b', ['a']), step('c', ['b'], "${{ steps['a'].outcome == 'failed' }}")];
    const schedule = settled(settled(newSchedule(plan), 'a', how('failed')), 'b', {
      outcome: 'skipped',
      blockedBy: ['a'],
    });
    expect(actions(schedule)).toEqual(['start c']);
  });
  it('starts nothing more once the run is stopped, apart from steps that speak of the failure', () => {
    const plan = [step('a'), step('b'), step('c', ['b']), step('d', ['a'], "steps.a.outcome == 'failed'")];
    const schedule = settled(
      stopped(started(settled(newSchedule(plan), 'a', how('failed')), 'b'), 'a'),
      'b',
      how('successful'),
    );
    expect(actions(schedule)).toEqual(['skip c', 'start d']);
  });
});

/** A random acyclic plan: each step needs only earlier ones. Seeds are printed by fast-check when a property fails. */
const plans = fc
  .array(fc.record({ needs: fc.array(fc.nat(30)), when: fc.constantFrom('none', 'watch', 'always') }), {
    maxLength: 14,
  })
  .map((rows) =>
    rows.map(({ needs, when }, i): PlannedStep => {
      const ids = i === 0 ? [] : [...new Set(needs.map((n) => `s${n % i}`))];
      return { id: `s${i}`, needs: ids, watches: new Set(when === 'watch' ? ids : []), always: when === 'always' };
    }),
  );

describe('every run of a random plan', () => {
  it('starts a step only after its needs, never behind an unspoken failure, and comes to an end', () => {
    fc.assert(
      fc.property(plans, fc.infiniteStream(fc.nat(99)), (plan, choices) => {
        const next = (): number => Number(choices.next().value);
        let schedule = newSchedule(plan);
        let rounds = 0;
        while (!isFinished(schedule)) {
          rounds += 1;
          expect(rounds).toBeLessThan(plan.length * 3 + 3);
          for (const decision of nextSteps(schedule)) {
            const planned = plan.find((one) => one.id === decision.id);
            const ends = (planned?.needs ?? []).map((need) => schedule.settled.get(need));
            const unspoken = (planned?.needs ?? []).filter((need, n) => {
              const bad = ends[n]?.outcome === 'failed' || (ends[n]?.blockedBy.length ?? 0) > 0;
              return bad && !planned?.always && !planned?.watches.has(need);
            });
            const starts = decision.action === 'start';
            expect({ waits: ends.includes(undefined), unspoken: starts ? unspoken : [] }).toEqual({
              waits: false,
              unspoken: [],
            });
            schedule = starts
              ? started(schedule, decision.id)
              : settled(schedule, decision.id, { outcome: 'skipped', blockedBy: decision.blockedBy });
          }
          const [running] = schedule.running;
          if (running === undefined) continue;
          const outcome = next() < 30 ? 'failed' : next() < 15 ? 'skipped' : 'successful';
          schedule = settled(schedule, running, how(outcome));
          if (outcome === 'failed' && next() < 50) schedule = stopped(schedule, running);
        }
      }),
      { numRuns: 500 },
    );
  });
});
