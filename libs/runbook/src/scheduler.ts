import type { RunbookStep } from '@switchyard/contracts';
import { compile, referencesOf } from './cel.js';
import type { GraphStep } from './graph.js';
import { conditionSource } from './template.js';

/**
 * The order of a run as data. States of a step: pending -> running -> settled, or pending -> settled (skipped).
 *
 * Invariants, each held by a property test:
 * - a step starts only after every step that it needs is settled;
 * - a step with a need that failed, or that was blocked by a failure, never starts unless its `when` speaks of it;
 * - a step is decided once, and every run comes to an end.
 */
export interface PlannedStep extends GraphStep {
  /** Steps that its `when` speaks of: their failure is its business. */
  readonly watches: ReadonlySet<string>;
  /** `when: true`: it runs whatever became of the steps before it. */
  readonly always: boolean;
}

/** What became of a step. */
export interface Settled {
  readonly outcome: 'successful' | 'failed' | 'skipped' | 'compensated';
  /** For a skipped step: the failed steps that kept it from running; empty when its `when` was false. */
  readonly blockedBy: readonly string[];
}

export interface Schedule {
  readonly plan: readonly PlannedStep[];
  readonly settled: ReadonlyMap<string, Settled>;
  readonly running: ReadonlySet<string>;
  /** Set once a failure ends the run: the id of the failed step. Only steps whose `when` speaks of it still start. */
  readonly stoppedBy: string | null;
}

/** What to do with a step now. `start` means: evaluate its `when`, then run it or skip it. */
export type Decision =
  | { readonly id: string; readonly action: 'start' }
  | { readonly id: string; readonly action: 'skip'; readonly blockedBy: readonly string[]; readonly reason: string };

/** The plan of a runbook whose references were checked. */
export function planOf(steps: readonly RunbookStep[]): readonly PlannedStep[] {
  return steps.map((step) => {
    const source = typeof step.when === 'string' ? conditionSource(step.when) : undefined;
    return {
      id: step.id,
      needs: step.needs,
      watches: source === undefined ? new Set() : new Set(referencesOf(compile(source).ast).steps.keys()),
      always: step.when === true || source?.trim() === 'true',
    };
  });
}

/** Before anything ran. */
export function newSchedule(plan: readonly PlannedStep[]): Schedule {
  return { plan, settled: new Map(), running: new Set(), stoppedBy: null };
}

export function started(schedule: Schedule, id: string): Schedule {
  return { ...schedule, running: new Set([...schedule.running, id]) };
}

export function settled(schedule: Schedule, id: string, how: Settled): Schedule {
  const running = new Set(schedule.running);
  running.delete(id);
  return { ...schedule, running, settled: new Map([...schedule.settled, [id, how]]) };
}

/** The first failure that ends the run wins. */
export function stopped(schedule: Schedule, by: string): Schedule {
  return { ...schedule, stoppedBy: schedule.stoppedBy ?? by };
}

/** Whether every step is settled. */
export function isFinished(schedule: Schedule): boolean {
  return schedule.settled.size === schedule.plan.length;
}

/** Decisions that can be taken now, in the order of the runbook. None while all open steps wait for running ones. */
export function nextSteps(schedule: Schedule): readonly Decision[] {
  return schedule.plan.flatMap((step): readonly Decision[] => {
    if (schedule.settled.has(step.id) || schedule.running.has(step.id)) return [];
    const needs = step.needs.map((id) => schedule.settled.get(id));
    if (needs.some((need) => need === undefined)) return [];
    const blockers = blockersOf(step, schedule);
    if (blockers.length && !step.always) {
      const reason = `not run, because ${blockers.map((id) => `"${id}"`).join(' and ')} failed`;
      return [{ id: step.id, action: 'skip', blockedBy: blockers, reason }];
    }
    const { stoppedBy } = schedule;
    if (stoppedBy !== null && !step.always && !step.watches.has(stoppedBy)) {
      const reason = `not started, because "${stoppedBy}" failed`;
      return [{ id: step.id, action: 'skip', blockedBy: [stoppedBy], reason }];
    }
    return [{ id: step.id, action: 'start' }];
  });
}

/** The failed steps that keep a step from running: those behind its needs that its `when` does not speak of. */
function blockersOf(step: PlannedStep, schedule: Schedule): readonly string[] {
  const blockers = step.needs.flatMap((id) => {
    const need = schedule.settled.get(id);
    const causes = need?.outcome === 'failed' ? [id] : (need?.blockedBy ?? []);
    if (step.watches.has(id) || causes.every((cause) => step.watches.has(cause))) return [];
    return causes;
  });
  return [...new Set(blockers)];
}
