import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { NEW_COLUMN } from '../change-run.ts';
import { latencyIn } from '../latency.ts';
import { logPosition, makeTable, megabytes, sizeOf, TABLE, withClient } from '../table.ts';
import { startWriter } from '../writer.ts';
import { writersOf, type Contest, type Ground } from './contender.ts';
import { SPEECH } from './ours.ts';

/** A backfill as people write it by hand. */
export interface ByHand {
  readonly contender: string;
  /** Derives the new column, which is there; gives the number of rows that it went over. */
  readonly backfill: (client: pg.Client, rows: number) => Promise<number>;
}

/** The new column, then the backfill, and nothing that would keep the column true or take the old one away. */
export async function byHand({ stack, layout, quietMs }: Ground, { contender, backfill }: ByHand): Promise<Contest> {
  const { url } = stack.servers.databases['app'] ?? {};
  if (url === undefined) throw new Error('the stack has no database app');
  await makeTable(url, layout);
  const before = await sizeOf(url);
  await using writer = await startWriter({ url, rows: layout.rows, speech: SPEECH.old });
  const quiet = Date.now();
  await sleep(quietMs);
  const log = await logPosition(url);
  const begun = Date.now();
  const rows = await withClient(url, async (client) => {
    await client.query(`alter table public.${TABLE} add column ${NEW_COLUMN} smallint`);
    return backfill(client, layout.rows);
  });
  const end = Date.now();
  const walMb = megabytes((await logPosition(url)) - log);
  const writes = await writer.stop();
  const seconds = (end - begun) / 1_000;
  return {
    contender,
    rows,
    backfillSeconds: seconds,
    rowsPerSecond: Math.round(rows / seconds),
    totalSeconds: seconds,
    writers: writersOf(
      writes,
      { before: { from: quiet, to: begun }, start: { from: begun, to: end }, finish: null },
      latencyIn,
    ),
    walMb,
    size: { before, after: await sizeOf(url) },
    wrongRows: null,
    notes: {},
  };
}
