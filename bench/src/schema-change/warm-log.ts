import type pg from 'pg';
import { withClient } from './with-client.ts';

/** A segment of the log holds 16 MB. */
const SEGMENT_MB = 16;
/** What the log of a server with the stock `max_wal_size` of 1 GB keeps at most. */
const MOST_SEGMENTS = 56;
/** Log of a whole change of a thousand rows, MB: what is made anew, its indexes, and the traffic. */
const MB_FOR_A_THOUSAND_ROWS = 1.6;

/**
 * Brings the log of a server to where one is that has run for long: it goes into files that are there already, as many
 * as `rows` rows need, up to what the stock settings keep. Making a file anew stops every commit for the time of 16 MB
 * and a sync; without this the first contender would wait for them, and leave them to the next. Ends with a checkpoint.
 */
export async function warmUpLog(adminUrl: string, rows: number): Promise<void> {
  const wanted = Math.min(MOST_SEGMENTS, Math.ceil(((rows / 1_000) * MB_FOR_A_THOUSAND_ROWS) / SEGMENT_MB));
  await withClient(adminUrl, async (client) => {
    await client.query('checkpoint');
    if ((await spareSegments(client)) >= wanted) return;
    // A checkpoint in between would keep the files that were filled before it, and no more of them.
    await client.query(`alter system set max_wal_size = '8GB'`);
    await client.query(`alter system set min_wal_size = '1GB'`);
    await client.query('select pg_reload_conf()');
    await client.query(
      `select count(pg_logical_emit_message(false, 'warm-up', repeat('x', 1000000))) from generate_series(1, $1::int)`,
      [SEGMENT_MB * (wanted + 8)],
    );
    await client.query('checkpoint');
    await client.query('alter system reset max_wal_size');
    await client.query('select pg_reload_conf()');
    const spare = await spareSegments(client);
    if (spare < wanted) throw new Error(`the log has ${spare} segments to go into, ${wanted} are wanted`);
  });
}

/** Files of the log that are there and wait to be written. */
async function spareSegments(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ spare: number }>(
    `select count(*)::int as spare from pg_ls_waldir()
    where name ~ '^[0-9A-F]{24}$' and name > pg_walfile_name(pg_current_wal_lsn())`,
  );
  return rows[0]?.spare ?? 0;
}
