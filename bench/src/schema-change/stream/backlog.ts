import { NEW_COLUMN } from '../change-run.ts';
import { PLANS, TABLE } from '../table.ts';
import { withClient } from '../with-client.ts';
import type { BenchStream } from './bench-stream.ts';

/** How a backlog was worked off. */
export interface WorkedOff {
  readonly keys: number;
  readonly rowsWritten: number;
  /** From the word to go on until all is applied: connecting and starting count. */
  readonly seconds: number;
  readonly keysPerSecond: number;
}

/** One step on for every plan, so that every row is wrong until the stream has been there. */
const NEXT_PLAN = `case plan ${PLANS.map((plan, i) => `when '${plan}' then '${PLANS[(i + 1) % PLANS.length]}'`).join(' ')} end`;

/** Changes every row while the stream stands still, then lets it go on. */
export async function workOffBacklog(
  stream: BenchStream,
  url: string,
  { rows, isOneTransaction }: { readonly rows: number; readonly isOneTransaction: boolean },
): Promise<WorkedOff> {
  await stream.pause();
  await withClient(url, async (client) => {
    await client.query('set synchronous_commit to off');
    const set = `update ${TABLE} set plan = ${NEXT_PLAN}, witness = ${NEXT_PLAN}`;
    await client.query(
      isOneTransaction ? set : `do $$ begin for i in 1..${rows} loop ${set} where id = i; commit; end loop; end $$`,
    );
  });
  const before = await stream.rowsWritten();
  const startedAt = performance.now();
  await stream.resume();
  await stream.barrier();
  const seconds = (performance.now() - startedAt) / 1_000;
  const rowsWritten = (await stream.rowsWritten()) - before;
  return { keys: rows, rowsWritten, seconds, keysPerSecond: Math.round(rows / seconds) };
}

/** Writes every row as it is: a change in the log for each, and nothing to do. Gives the rows that the stream wrote. */
export async function sendDuplicates(stream: BenchStream, url: string): Promise<WorkedOff> {
  await stream.barrier();
  const before = await stream.rowsWritten();
  const startedAt = performance.now();
  const keys = await withClient(url, async (client) => {
    const { rowCount } = await client.query(`update ${TABLE} set ${NEW_COLUMN} = ${NEW_COLUMN}`);
    return rowCount ?? 0;
  });
  await stream.barrier();
  const seconds = (performance.now() - startedAt) / 1_000;
  const rowsWritten = (await stream.rowsWritten()) - before;
  return { keys, rowsWritten, seconds, keysPerSecond: Math.round(keys / seconds) };
}
