import { abortPlan, type AbortActionName } from '@switchyard/schema-change';
import { failureOf } from '@switchyard/workflow-kit';
import { DURING_THE_CHANGE, patiently } from '../../patience.js';
import type { Changing } from '../changing.js';
import { ABORT_STEP } from '../steps.js';
import { UNDO } from './way-back.js';

/** What undoing came to. */
export interface Undone {
  readonly done: readonly string[];
  /** What failed or was left for that, in words; empty: everything is undone. */
  readonly failures: readonly string[];
}

/**
 * What an action rests on: while a reader or writer may still use the new shape it must not be taken away, and readers
 * must not go back to an old shape that does not hold everything. All the rest is done in any case.
 */
const RESTS_ON: Partial<Record<AbortActionName, readonly AbortActionName[]>> = {
  'carry-back': ['writes-to-both'],
  'reads-to-old': ['carry-back'],
  'restrict-old': ['carry-back'],
  'writes-to-old': ['carry-back', 'relax-new', 'reads-to-old'],
  'stop-stream': ['carry-back', 'writes-to-old'],
  'drop-indexes': ['reads-to-old'],
  'drop-constraints': ['writes-to-old'],
  'drop-new-shape': ['carry-back', 'reads-to-old', 'writes-to-old', 'stop-stream'],
  'drop-control': ['stop-stream'],
  verify: ['drop-new-shape', 'drop-control', 'stop-stream', 'drop-indexes', 'drop-constraints'],
};

/** Undoes what was begun, in the order of the abort plan. */
export async function undo(changing: Changing): Promise<Undone> {
  const { run, planned, machine, change } = changing;
  // Before there is a plan nothing was made.
  if (!planned) return { done: [], failures: [] };
  const { actions } = abortPlan(machine, change, planned.catalog);
  const done: string[] = [];
  const failures: string[] = [];
  const broken = new Set<AbortActionName>();
  for (const [i, { action, title }] of actions.entries()) {
    run.step(ABORT_STEP).progress(Math.floor((100 * i) / actions.length), title);
    const missing = (RESTS_ON[action] ?? []).filter((name) => broken.has(name));
    if (missing.length > 0) {
      broken.add(action);
      failures.push(`${title}: not done, because of ${missing.join(', ')}`);
      continue;
    }
    try {
      // oxlint-disable-next-line no-await-in-loop -- in their order
      await patiently(run, ABORT_STEP, DURING_THE_CHANGE, () => UNDO[action](changing));
      done.push(title);
    } catch (error) {
      const { code, message } = failureOf(error);
      broken.add(action);
      failures.push(`${title}: ${message}`);
      run.event({
        source: 'schema-change',
        type: 'undo_failed',
        level: 'error',
        step: ABORT_STEP,
        message: `${title}: ${message}`,
        data: { action, code },
      });
    }
  }
  return { done, failures };
}
