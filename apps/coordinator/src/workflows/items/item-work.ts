import type { RunbookStep } from '@switchyard/contracts';
import { evaluate, evaluateCondition, type Scope, type StepItem } from '@switchyard/runbook';
import type { Run } from '@switchyard/workflow-kit';
import { withRetries, withTimeout, type RetryPolicy } from '../attempts.js';
import { fitResult } from '../result-size.js';
import { stepFailureOf } from '../step-failure.js';
import { performUnit } from '../steps/perform.js';
import { slidingWindow } from './sliding-window.js';
import type { ItemResult } from './aggregate.js';

/** What is done with each item: a step with forEach, or the undoing of one. Plain data: it travels to child workflows. */
export interface ItemsJob {
  readonly step: string;
  readonly uses: RunbookStep['uses'];
  /** Unresolved: each item resolves it for itself. */
  readonly with: unknown;
  /** Set when the condition speaks of the item. */
  readonly when?: string;
  readonly retry: RetryPolicy;
  /** The retry of the step as it is handed to kinds that retry by themselves. */
  readonly inner?: RunbookStep['retry'];
  readonly timeout?: number;
  readonly scope: Scope;
  /** Workflow ids of children begin with it: the run, the step, and `undo` for an undoing. */
  readonly path: string;
  /** The execution of the run: makes idempotency keys unique over runs of one id, and equal over attempts. */
  readonly executionId: string;
  /** Whether the items come from a map: their keys are then shown. */
  readonly isMap: boolean;
  /** Start no further item once one failed. */
  readonly stopAtFailure: boolean;
  /** Attempts that were made before this one, when a person had held items tried again. */
  readonly earlierAttempts: number;
}

/** Called when an item has ended, in the order of ending. */
export type OnItem = (result: ItemResult) => void;

/** Most characters of one item's result. */
const MAX_ITEM_CHARS = 32 * 1024;

/** Works on items in this workflow, at most `width` at once. Items that are never started count as skipped. */
export async function workOnItems(
  run: Run,
  job: ItemsJob,
  items: readonly StepItem[],
  width: number,
  onItem: OnItem,
  gate: () => Promise<void>,
): Promise<readonly ItemResult[]> {
  const results = new Map<number, ItemResult>();
  let hasFailed = false;
  const work = async (item: StepItem): Promise<void> => {
    await gate();
    const result = hasFailed && job.stopAtFailure ? notStarted(job, item) : await workOnItem(run, job, item);
    hasFailed ||= result.outcome === 'failed';
    results.set(item.index, result);
    onItem(result);
  };
  await slidingWindow(items, width, work, () => !(hasFailed && job.stopAtFailure));
  return items.map((item) => results.get(item.index) ?? notStarted(job, item));
}

/** An item that was left alone because another one failed. */
export function notStarted(job: ItemsJob, item: StepItem): ItemResult {
  return { ...identityOf(job, item), outcome: 'skipped', result: null };
}

const identityOf = (job: ItemsJob, { index, key, item }: StepItem): Pick<ItemResult, 'index' | 'key' | 'item'> => ({
  index,
  ...(job.isMap ? { key } : {}),
  item,
});

async function workOnItem(run: Run, job: ItemsJob, item: StepItem): Promise<ItemResult> {
  const identity = identityOf(job, item);
  const scope: Scope = { ...job.scope, ...item };
  const where = `step "${job.step}", item ${item.key}`;
  try {
    if (job.when !== undefined && !evaluateCondition(job.when, scope, `${where}, when`)) {
      return { ...identity, outcome: 'skipped', result: null };
    }
    const resolved = evaluate(job.with, scope, `${where}, with`);
    const result = await withRetries(
      job.retry,
      (attempt) =>
        withTimeout(job.timeout, () =>
          performUnit(run, {
            step: job.step,
            uses: job.uses,
            with: resolved,
            retry: job.inner,
            path: `${job.path}/${item.index}`,
            executionId: job.executionId,
            attempt: job.earlierAttempts + attempt,
          }),
        ),
      (attempt, message) => itemEvent(run, job, item, 'warning', `attempt ${attempt} failed: ${message}`),
    );
    return { ...identity, outcome: 'successful', result: fitResult(result, MAX_ITEM_CHARS).value };
  } catch (error) {
    const { code, message, details } = stepFailureOf(error);
    itemEvent(run, job, item, 'error', `${code}: ${message}`);
    return {
      ...identity,
      outcome: 'failed',
      result: fitResult(details, MAX_ITEM_CHARS).value,
      error: { code, message },
    };
  }
}

function itemEvent(run: Run, job: ItemsJob, item: StepItem, level: 'warning' | 'error', message: string): void {
  run.event({
    source: 'step',
    type: level === 'error' ? 'item_failed' : 'item_retried',
    level,
    step: job.step,
    subject: item.key,
    message,
  });
}
