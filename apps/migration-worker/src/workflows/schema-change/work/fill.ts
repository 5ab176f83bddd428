import type { BackfillReport } from '@switchyard/contracts';
import type { EventName } from '@switchyard/schema-change';
import { calls } from '../calls.js';
import type { Changing } from '../changing.js';
import { workUntil } from '../work-until.js';
import { fillPartitions } from './partitions.js';

/** Fills the table; a pause or another tuning ends the call, and it goes on from its checkpoint. */
export async function fill(changing: Changing, step: string): Promise<EventName> {
  const { run } = changing;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- a pause point
    await run.checkpoint();
    const { tunings } = changing;
    // oxlint-disable-next-line no-await-in-loop -- one call after the other
    const done = await workUntil(
      () => fillOnce(changing, step),
      () => changing.tunings !== tunings || run.status.pausedBy !== null,
    );
    if (!done) continue;
    const report = done.result;
    changing.backfill = report;
    const words = `${report.rows} rows at ${report.rowsPerSecond} rows/s; longest chunk ${report.longestChunkMs} ms`;
    run.step(step).progress(100, words);
    return 'done';
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
