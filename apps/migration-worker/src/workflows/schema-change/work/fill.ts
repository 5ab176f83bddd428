import type { BackfillReport } from '@switchyard/contracts';
import type { EventName } from '@switchyard/schema-change';
import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import { calls } from '../calls.js';
import type { Changing } from '../changing.js';
import { fillPartitions } from './partitions.js';

/** Fills the table; a pause or another tuning ends the call, and it goes on from its checkpoint. */
export async function fill(changing: Changing, step: string): Promise<EventName> {
  const { run } = changing;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- a pause point
    await run.checkpoint();
    const { tunings } = changing;
    const scope = new CancellationScope();
    let report: BackfillReport | undefined;
    let failure: { readonly error: unknown } | undefined;
    const work = async (): Promise<void> => {
      try {
        report = await scope.run(() => fillOnce(changing, step));
      } catch (error) {
        failure = { error };
      }
    };
    const filling = work();
    const isDisturbed = (): boolean => changing.tunings !== tunings || run.status.pausedBy !== null;
    try {
      // oxlint-disable-next-line no-await-in-loop -- one call after the other
      await condition(() => report !== undefined || failure !== undefined || isDisturbed());
    } finally {
      scope.cancel();
      // oxlint-disable-next-line no-await-in-loop
      await CancellationScope.nonCancellable(() => filling);
    }
    if (report) {
      changing.backfill = report;
      const words = `${report.rows} rows at ${report.rowsPerSecond} rows/s; longest chunk ${report.longestChunkMs} ms`;
      run.step(step).progress(100, words);
      return 'done';
    }
    if (failure && !isCancellation(failure.error)) throw failure.error;
    if (run.scope.consideredCancelled) throw failure?.error ?? new Error('cancelled without a word');
  }
}

function fillOnce(changing: Changing, step: string): Promise<BackfillReport> {
  const { run, partitions, tuning, tunings, pass } = changing;
  const input = { ...changing.guarded(step), tuning, pass };
  if (partitions.length > 0) return fillPartitions(run, { input, partitions, tunings });
  return changing.patient(step, () => calls.long.backfillTable({ ...input, partition: null }));
}

/** Indexes and constraints, once there is something in the columns. */
export async function index(changing: Changing, step: string): Promise<EventName> {
  const { indexes, constraints } = changing.change;
  if (indexes.length > 0) {
    const { partitions } = changing;
    await changing.patient(step, () => calls.long.buildIndexes({ ...changing.guarded(step), partitions }));
  }
  if (constraints.length > 0) await changing.patient(step, () => calls.long.addConstraints(changing.guarded(step)));
  return 'done';
}
