import { setTimeout as sleep } from 'node:timers/promises';
import type { SchemaChangeResult } from '@switchyard/contracts';
import { appUrl, type BenchStack } from '../../stack.ts';
import {
  approve,
  gateOpens,
  NEW_COLUMN,
  resultOf,
  startChange,
  stepOf,
  stepSpans,
  writeModeOf,
  type ChangeRun,
  type WriteMode,
} from '../change-run.ts';
import { latencyIn, type Writes } from '../latency.ts';
import { readFor } from '../table.ts';
import type { Speech, Writer } from '../writer.ts';
import { contest, type Contest, type Ground } from './contender.ts';

export const SPEECH: Readonly<Record<WriteMode, Speech>> = {
  old: { searchPath: 'public', text: 'plan', code: null },
  both: { searchPath: 'public', text: 'plan', code: NEW_COLUMN },
  new: { searchPath: 'public', text: null, code: NEW_COLUMN },
};

const LOOK_AT_FLAG_MS = 100;

/** A whole SchemaChangeWorkflow on real workers, with writers that follow its write flag. */
export function ours(ground: Ground): Promise<Contest> {
  const { stack, layout, readerMs = 0 } = ground;
  const url = appUrl(stack);
  return contest(ground, { url, speech: SPEECH.old }, async ({ writer, begun }) => {
    const readers = [readFor(url, readerMs)];
    const run = await startChange(stack);
    const following = follow(stack, run, writer);
    await approve(run, 'cutover', await gateOpens(run, 'cutover'));
    const contract = await gateOpens(run, 'contract');
    readers.push(readFor(url, readerMs));
    await approve(run, 'contract', contract);
    const result = await resultOf(run);
    await following.stop();
    await Promise.all(readers);
    const backfill = stepOf(result, 'backfill');
    const switching = stepOf(result, 'switch-reads').from;
    const end = stepOf(result, 'clean').to;
    return {
      contender: 'Switchyard',
      rows: layout.rows,
      backfillSeconds: (backfill.to - backfill.from) / 1_000,
      totalSeconds: (end - begun) / 1_000,
      start: { from: begun, to: switching },
      finish: { from: switching, to: end },
      newColumn: NEW_COLUMN,
      notes: (writes) => notesOf(result, writes),
    };
  });
}

const notesOf = (result: SchemaChangeResult, writes: Writes): Contest['notes'] => ({
  backfill: result.backfill,
  writersInBackfill: latencyIn(writes, stepOf(result, 'backfill')),
  steps: stepSpans(result).map(({ id, span }) => ({
    id,
    ms: span.to - span.from,
    longestWriteMs: latencyIn(writes, span)?.max ?? null,
  })),
  streamRows: result.streamRows,
  parity: result.parity.map(({ relation, rows, differing }) => ({ relation, rows, differing })),
  warnings: result.warnings,
});

/** Lets the writers write as the flag says, as a service does that looks at it ten times a second. */
export function follow(stack: BenchStack, run: ChangeRun, writer: Writer): { readonly stop: () => Promise<void> } {
  let isOver = false;
  const following = (async () => {
    let spoken: WriteMode = 'old';
    while (!isOver) {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      const mode = await writeModeOf(stack, run);
      if (mode !== spoken) {
        // oxlint-disable-next-line no-await-in-loop
        await writer.speak(SPEECH[mode]);
        spoken = mode;
      }
      // oxlint-disable-next-line no-await-in-loop
      await sleep(LOOK_AT_FLAG_MS);
    }
  })();
  following.catch(() => undefined);
  return {
    stop: () => {
      isOver = true;
      return following;
    },
  };
}
