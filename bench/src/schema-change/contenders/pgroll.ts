import { setTimeout as sleep } from 'node:timers/promises';
import { openPgroll, PGROLL_SPEECH, well } from '../pgroll-run.ts';
import { readFor } from '../table.ts';
import { contest, type Contest, type Ground } from './contender.ts';

/** Between start and complete all writers go to the new version. */
const BETWEEN_MS = 1_000;

/** `pgroll start` and `pgroll complete` of a change of type, with writers that use its versions as its manual says. */
export async function pgroll(ground: Ground, program: string): Promise<Contest> {
  const { stack, layout, readerMs = 0 } = ground;
  await using tool = await openPgroll(stack, program);
  const { url, prepare } = tool;
  // Not without `await`: its database ends with this function.
  return await contest(ground, { url, prepare, speech: PGROLL_SPEECH.old }, async ({ writer, begun }) => {
    const readers = [readFor(url, readerMs)];
    await well(tool.start());
    const started = Date.now();
    await writer.speak(PGROLL_SPEECH.new);
    await sleep(BETWEEN_MS);
    readers.push(readFor(url, readerMs));
    const completing = Date.now();
    await well(tool.complete());
    const end = Date.now();
    await Promise.all(readers);
    const [startSeconds, completeSeconds] = [(started - begun) / 1_000, (end - completing) / 1_000];
    return {
      contender: 'pgroll',
      rows: layout.rows,
      backfillSeconds: startSeconds,
      totalSeconds: startSeconds + completeSeconds,
      start: { from: begun, to: completing },
      finish: { from: completing, to: end },
      newColumn: 'plan',
      notes: () => ({ startSeconds, completeSeconds }),
    };
  });
}
