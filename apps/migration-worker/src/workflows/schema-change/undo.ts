import type { AbortAction, AbortActionName, Change } from '@switchyard/schema-change';
import { failureOf, type Run } from '@switchyard/workflow-kit';
import type { ChangeCall, FlagSet } from '../../change/contract.js';
import { fail } from '@switchyard/workflow-kit';
import { DURING_THE_CHANGE, patiently } from '../patience.js';
import { calls } from './calls.js';
import { ABORT_STEP } from './steps.js';

/** What undoing works with. */
export interface UndoParts {
  readonly run: Run;
  readonly change: Change;
  readonly actions: readonly AbortAction[];
  readonly call: ChangeCall | undefined;
  readonly relaxed: readonly string[];
  readonly flags: () => { readonly read: FlagSet | null; readonly write: FlagSet | null };
  readonly flip: (which: 'read' | 'write', set: () => Promise<FlagSet>) => Promise<FlagSet>;
  readonly carryBack: () => Promise<void>;
  readonly forwardAgain: () => Promise<void>;
  readonly stopStream: () => Promise<void>;
}

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
  'reads-to-old': ['carry-back'],
  'restrict-old': ['carry-back'],
  'writes-to-old': ['carry-back', 'relax-new', 'reads-to-old'],
  'stop-stream': ['carry-back', 'writes-to-old'],
  'drop-indexes': ['reads-to-old'],
  'drop-new-shape': ['carry-back', 'reads-to-old', 'writes-to-old', 'stop-stream'],
  'drop-control': ['stop-stream'],
  verify: ['drop-new-shape', 'drop-control', 'stop-stream', 'drop-indexes', 'drop-constraints'],
};

/** Undoes what was begun, in the order of the abort plan. Every action is safe to repeat. */
export async function undo(parts: UndoParts): Promise<Undone> {
  const done: string[] = [];
  const failures: string[] = [];
  const broken = new Set<AbortActionName>();
  for (const [i, { action, title }] of parts.actions.entries()) {
    parts.run.step(ABORT_STEP).progress(Math.floor((100 * i) / parts.actions.length), title);
    const missing = (RESTS_ON[action] ?? []).filter((name) => broken.has(name));
    if (missing.length > 0) {
      broken.add(action);
      failures.push(`${title}: not done, because of ${missing.join(', ')}`);
      continue;
    }
    try {
      // oxlint-disable-next-line no-await-in-loop -- in their order
      await patiently(parts.run, ABORT_STEP, DURING_THE_CHANGE, () => perform(parts, action));
      done.push(title);
    } catch (error) {
      const failure = failureOf(error);
      broken.add(action);
      failures.push(`${title}: ${failure.message}`);
      parts.run.event({
        source: 'schema-change',
        type: 'undo_failed',
        level: 'error',
        step: ABORT_STEP,
        message: `${title}: ${failure.message}`,
        data: { action, code: failure.code },
      });
    }
  }
  return { done, failures };
}

async function perform(parts: UndoParts, action: AbortActionName): Promise<void> {
  const { call } = parts;
  if (!call) return;
  switch (action) {
    case 'writes-to-both':
      await parts.flip('write', () => calls.short.enableDualWriteFlag(call));
      return;
    case 'carry-back':
      return parts.carryBack();
    case 'reads-to-old':
      await parts.flip('read', () => calls.short.enableReadFlag({ ...call, percent: 0 }));
      return;
    case 'relax-new':
      return calls.short.relaxNewColumns(call);
    case 'restrict-old':
      return calls.short.restrictOldColumns({ ...call, relaxed: parts.relaxed });
    case 'writes-to-old':
      await parts.forwardAgain();
      await parts.flip('write', () => calls.short.enableOldWrites(call));
      return;
    case 'stop-stream':
      return parts.stopStream();
    case 'drop-indexes':
      return calls.short.dropIndexes(call);
    case 'drop-constraints':
      return calls.short.dropConstraints(call);
    case 'drop-new-shape':
      return calls.short.dropNewShape(call);
    case 'drop-control':
      return calls.short.removeControl(call);
    case 'verify': {
      const left = await calls.short.findLeftovers({ ...call, end: 'aborted' });
      if (left.length === 0) return;
      throw fail('CompensationFailed', `still there: ${left.map(({ kind, name }) => `${kind} ${name}`).join(', ')}`, {
        left,
      });
    }
  }
}
