import type { StepItem } from '@switchyard/runbook';
import { executeChildOn, type Run } from '@switchyard/workflow-kit';
import {
  CancellationScope,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  workflowInfo,
} from '@temporalio/workflow';
import type { ChunkResult, ItemResult, ItemsEnding } from './aggregate.js';
import { chunksOf, lanesOf, MAX_INLINE_ITEMS } from './chunks.js';
import { notStarted, workOnItems, type ItemsJob } from './item-work.js';
import { stepFailureOf } from '../step-failure.js';
import { PAUSE_ITEMS, type ItemsInput } from './items-workflow.js';

/** Name of the workflow that works on one chunk. */
const ITEMS_WORKFLOW = 'RunbookItemsWorkflow';

/** How far a fan-out is. */
export interface FanOutProgress {
  readonly done: number;
  readonly failed: number;
  readonly total: number;
}

/**
 * Works on all items of a step, at most `maxParallel` at once. A few are worked on here; many go to child workflows in
 * chunks, one after another per lane, so that no history grows with the number of items.
 */
export async function fanOut(
  run: Run,
  job: ItemsJob,
  items: readonly StepItem[],
  maxParallel: number,
  onProgress: (progress: FanOutProgress) => void,
): Promise<ItemsEnding> {
  const state = { done: 0, failed: 0, total: items.length };
  const count = (done: number, failed: number): void => {
    state.done += done;
    state.failed += failed;
    onProgress(state);
  };
  if (items.length <= MAX_INLINE_ITEMS) {
    const onItem = (one: ItemResult): void => count(1, one.outcome === 'failed' ? 1 : 0);
    const results = await workOnItems(run, job, items, maxParallel, onItem, () => run.checkpoint());
    return { results, isLean: false };
  }
  return inChunks(run, job, items, maxParallel, count);
}

async function inChunks(
  run: Run,
  job: ItemsJob,
  items: readonly StepItem[],
  maxParallel: number,
  count: (done: number, failed: number) => void,
): Promise<ItemsEnding> {
  const chunks = chunksOf(items);
  const queue = chunks.entries();
  const results: ItemResult[] = [];
  const active = new Set<string>();
  const errors: unknown[] = [];
  let isStopped = false;
  let isLean = false;
  const lane = async (width: number): Promise<void> => {
    for (const [number, chunk] of queue) {
      if (isStopped) results.push(...chunk.map((item) => notStarted(job, item)));
      else {
        const ended = await runChunk(run, job, chunk, { number, width, active });
        results.push(...ended.results);
        isLean ||= ended.isLean;
        const failed = ended.results.filter((one) => one.outcome === 'failed').length;
        count(chunk.length, failed);
        isStopped ||= failed > 0 && job.stopAtFailure;
      }
    }
  };
  const relay = new CancellationScope();
  const relaying = relay
    .run(() => relayPauses(run, active))
    .catch((error: unknown) => {
      if (!isCancellation(error)) throw error;
    });
  try {
    await Promise.all(
      lanesOf(maxParallel).map((width) =>
        lane(width).catch((error: unknown) => {
          isStopped = true;
          errors.push(error);
        }),
      ),
    );
  } finally {
    relay.cancel();
    await CancellationScope.nonCancellable(() => relaying);
  }
  if (errors.length) throw errors[0];
  return { results, isLean };
}

interface ChunkPlace {
  readonly number: number;
  readonly width: number;
  readonly active: Set<string>;
}

async function runChunk(run: Run, job: ItemsJob, items: readonly StepItem[], place: ChunkPlace): Promise<ItemsEnding> {
  await run.checkpoint();
  const again = job.earlierAttempts > 0 ? `/a${job.earlierAttempts + 1}` : '';
  const workflowId = `${job.path}/items-${place.number + 1}${again}`;
  const input: ItemsInput = { job, items, width: place.width, isPaused: false };
  place.active.add(workflowId);
  try {
    const told = await executeChildOn<ChunkResult>(ITEMS_WORKFLOW, workflowInfo().taskQueue, [input], {
      workflowId,
      under: { run, step: job.step },
    });
    const byIndex = new Map(told.items.map((one) => [one.index, one]));
    const results = items.map((item): ItemResult => ({ ...notStarted(job, item), ...byIndex.get(item.index) }));
    return { results, isLean: told.isLean };
  } catch (thrown) {
    // The chunk itself broke: its items count as failed with its code, and the others go on.
    const { code, message } = stepFailureOf(thrown);
    const error = { code, message };
    const results = items.map((item): ItemResult => ({ ...notStarted(job, item), outcome: 'failed', error }));
    return { results, isLean: false };
  } finally {
    place.active.delete(workflowId);
  }
}

/** Tells the chunks under way when the run is paused and resumed; ended by cancellation. */
async function relayPauses(run: Run, active: ReadonlySet<string>): Promise<never> {
  for (let told = false; ; told = !told) {
    await condition(() => (run.status.pausedBy !== null) !== told);
    for (const workflowId of active) {
      // A chunk that has just ended needs no word any more.
      await getExternalWorkflowHandle(workflowId)
        .signal(PAUSE_ITEMS, !told)
        .catch(() => undefined);
    }
  }
}
