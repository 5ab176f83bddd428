import { TASK_QUEUES, type BackfillReport } from '@switchyard/contracts';
import { showTable, type TableName } from '@switchyard/schema-change';
import { executeChildOn, runWorkflow, type Run } from '@switchyard/workflow-kit';
import { z } from 'zod';
import type { BackfillInput } from '../../../change/contract.js';
import { DURING_THE_CHANGE, patiently } from '../../patience.js';
import { calls } from '../calls.js';

const AT_ONCE = 2;
const STEP = 'backfill';

/** Fills the partitions of a table, each by a child of its own, a few at once. */
export async function fillPartitions(
  run: Run,
  options: {
    readonly input: Omit<BackfillInput, 'partition'>;
    readonly partitions: readonly TableName[];
    readonly tunings: number;
  },
): Promise<BackfillReport> {
  const { input, partitions, tunings } = options;
  // A pause ends the children; those of the next call must not have the same ids.
  const startedAt = Date.now();
  const reports: BackfillReport[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < partitions.length; i = next++) {
      const partition = partitions[i];
      if (!partition) return;
      // oxlint-disable-next-line no-await-in-loop -- a lane fills one partition after the other
      const report = await executeChildOn<BackfillReport>(
        'BackfillPartitionWorkflow',
        TASK_QUEUES.migration,
        [{ ...input, partition }],
        {
          workflowId: `${run.ref.workflowId}/backfill/${input.pass}/${tunings}/${showTable(partition)}/${startedAt}`,
          under: { run, step: STEP },
        },
      );
      reports.push(report);
      run
        .step(STEP)
        .progress(
          Math.floor((100 * reports.length) / partitions.length),
          `${reports.length} of ${partitions.length} partitions`,
        );
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, partitions.length) }, lane));
  return sumOf(reports);
}

const inputSchema = z.custom<BackfillInput>((value) => typeof value === 'object' && value !== null);

/** Fills one partition. A child of SchemaChangeWorkflow; its pauses and tunings are its parent's. */
export async function BackfillPartitionWorkflow(given: unknown): Promise<BackfillReport> {
  return runWorkflow({
    kind: 'backfill-partition',
    schema: inputSchema,
    given,
    what: 'BackfillPartitionWorkflow input',
    describe: ({ change, partition }) => ({
      title: `Backfill ${partition ? showTable(partition) : change.name}`,
      target: partition ? showTable(partition) : change.name,
      steps: [{ id: STEP, title: 'Derive the new shape of every row' }],
    }),
    body: (run, input) =>
      run.inStep(STEP, () =>
        patiently(run, STEP, DURING_THE_CHANGE, () => calls.long.backfillTable({ ...input, ref: run.ref, step: STEP })),
      ),
  });
}

function sumOf(reports: readonly BackfillReport[]): BackfillReport {
  const rows = reports.reduce((sum, report) => sum + report.rows, 0);
  const durationMs = reports.reduce((sum, report) => sum + report.durationMs, 0);
  const throttledMs = reports.reduce((sum, report) => sum + report.throttledMs, 0);
  const workedMs = durationMs - throttledMs;
  return {
    rows,
    chunks: reports.reduce((sum, report) => sum + report.chunks, 0),
    durationMs,
    throttledMs,
    rowsPerSecond: workedMs > 0 ? Math.round((rows * 1000) / workedMs) : 0,
    longestChunkMs: Math.max(0, ...reports.map(({ longestChunkMs }) => longestChunkMs)),
  };
}
