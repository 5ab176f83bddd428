import type { RunbookStep } from '@switchyard/contracts';
import { evaluate, type Scope, type StepItem, type StepView } from '@switchyard/runbook';
import { fail, failureOf, type Run } from '@switchyard/workflow-kit';
import { ONCE } from './attempts.js';
import type { ItemsResult } from './items/aggregate.js';
import { fanOut } from './items/fan-out.js';
import { performUnit } from './steps/perform.js';

/** What undoing one step came to. */
export interface UndoOutcome {
  readonly step: string;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** What an undoing needs when its time comes. */
export interface UndoPlan {
  /** The items of a step with forEach. */
  readonly items: readonly StepItem[] | undefined;
  /** Read when the undoing runs: by then the step may have a result. */
  readonly scope: () => Scope;
  readonly path: string;
  readonly onOutcome: (outcome: UndoOutcome) => void;
}

/** Registers the undoing of a step before the step starts, for a step that failed may have half happened. */
export function planUndo(run: Run, step: RunbookStep, plan: UndoPlan): void {
  const title = `undo ${step.id}`;
  // A step that a person had tried again is undone once.
  if (!step.compensate || run.undo.titles.includes(title)) return;
  run.undo.add(title, async () => {
    try {
      await undoStep(run, step, plan);
      plan.onOutcome({ step: step.id, error: null });
    } catch (error) {
      const { code, message } = failureOf(error);
      plan.onOutcome({ step: step.id, error: { code, message } });
      throw error;
    }
  });
}

/** Runs all undoings, newest first, out of reach of cancellation; a failed one does not keep the others from running. */
export async function undoAll(run: Run): Promise<void> {
  await run.undo.run(({ title, failure }) =>
    run.event({
      source: 'run',
      type: failure ? 'undo_failed' : 'undone',
      level: failure ? 'error' : 'info',
      message: failure ? `${title}: ${failure.code}: ${failure.message}` : title,
    }),
  );
}

async function undoStep(run: Run, step: RunbookStep, plan: UndoPlan): Promise<void> {
  const { compensate } = step;
  if (!compensate) return;
  const { uses } = compensate;
  const path = `${plan.path}/${step.id}/undo`;
  const scope = plan.scope();
  if (!plan.items) {
    const resolved = evaluate(compensate.with, scope, `step "${step.id}", compensate.with`);
    await performUnit(run, { step: step.id, uses, with: resolved, path, executionId: run.ref.executionId, attempt: 1 });
    return;
  }
  const job = {
    step: step.id,
    uses,
    with: compensate.with,
    retry: ONCE,
    scope,
    path,
    executionId: run.ref.executionId,
    isMap: false,
    stopAtFailure: false,
    earlierAttempts: 0,
  };
  const { results } = await fanOut(
    run,
    job,
    startedItems(plan.items, scope.steps[step.id]),
    step.maxParallel,
    () => undefined,
  );
  const failed = results.filter((one) => one.outcome === 'failed');
  if (failed.length === 0) return;
  const items = failed.map((one) => one.index).slice(0, 20);
  throw fail(
    'CompensationFailed',
    `${failed.length} of ${results.length} items could not be undone; first: ${failed[0]?.error?.message ?? ''}`,
    {
      items,
    },
  );
}

/** The items that may have changed something: all but those that are known to have been left alone. */
function startedItems(items: readonly StepItem[], view: StepView | undefined): readonly StepItem[] {
  const known = (view?.result as Partial<ItemsResult> | null | undefined)?.items ?? [];
  const skipped = new Set(known.filter((one) => one.outcome === 'skipped').map((one) => one.index));
  return items.filter((item) => !skipped.has(item.index));
}
