import { setTimeout as sleep } from 'node:timers/promises';
import { latencyIn } from '../latency.ts';
import { openPgroll, PGROLL_SPEECH, well } from '../pgroll-run.ts';
import { logPosition, makeTable, megabytes, readFor, sizeOf, wrongRows } from '../table.ts';
import { startWriter } from '../writer.ts';
import { writersOf, type Contest, type Ground } from './contender.ts';

/** Between start and complete all writers go to the new version. */
const BETWEEN_MS = 1_000;

/** `pgroll start` and `pgroll complete` of a change of type, with writers that use its versions as its manual says. */
export async function pgroll({ stack, layout, quietMs, readerMs = 0 }: Ground, program: string): Promise<Contest> {
  await using ground = await openPgroll(stack, program);
  const { url } = ground;
  await makeTable(url, layout);
  await ground.prepare();
  const before = await sizeOf(url);
  await using writer = await startWriter({ url, rows: layout.rows, speech: PGROLL_SPEECH.old });
  const quiet = Date.now();
  await sleep(quietMs);
  const log = await logPosition(url);
  const begun = Date.now();
  const readers = [readFor(url, readerMs)];
  await well(ground.start());
  const started = Date.now();
  await writer.speak(PGROLL_SPEECH.new);
  await sleep(BETWEEN_MS);
  readers.push(readFor(url, readerMs));
  const completing = Date.now();
  await well(ground.complete());
  const end = Date.now();
  const walMb = megabytes((await logPosition(url)) - log);
  await Promise.all(readers);
  const writes = await writer.stop();
  const seconds = (started - begun) / 1_000;
  return {
    contender: 'pgroll',
    rows: layout.rows,
    backfillSeconds: seconds,
    rowsPerSecond: Math.round(layout.rows / seconds),
    totalSeconds: seconds + (end - completing) / 1_000,
    writers: writersOf(
      writes,
      {
        before: { from: quiet, to: begun },
        start: { from: begun, to: completing },
        finish: { from: completing, to: end },
      },
      latencyIn,
    ),
    walMb,
    size: { before, after: await sizeOf(url) },
    wrongRows: await wrongRows(url, 'plan'),
    notes: { startSeconds: seconds, completeSeconds: (end - completing) / 1_000 },
  };
}
