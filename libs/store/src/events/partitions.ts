import { z } from 'zod';
import { ADVISORY_CLASS, ADVISORY_LOCKS, execute, rows, sqlState, type Db } from '../sql.js';

/** Options of {@link ensureEventPartitions}. */
export interface PartitionOptions {
  /** The first month. Default: the current one by this machine's clock. */
  readonly from?: Date;
  /** How many further months to make ahead. Default 2. */
  readonly monthsAhead?: number;
}

/** A month of events as a partition: `events_2026_11`. */
interface Month {
  readonly table: string;
  readonly start: string;
  readonly end: string;
}

/**
 * Makes the monthly partitions that are missing, and moves rows that fell into the net meanwhile.
 * @returns the names of the partitions made
 */
export async function ensureEventPartitions(db: Db, options: PartitionOptions = {}): Promise<string[]> {
  const from = options.from ?? new Date();
  const months = Array.from({ length: (options.monthsAhead ?? 2) + 1 }, (_, i) => monthAt(from, i));
  const existing = new Set((await eventPartitions(db)).map((p) => p.table));
  const made: string[] = [];
  for (const month of months) {
    if (existing.has(month.table)) continue;
    try {
      if (await makePartition(db, month)) made.push(month.table);
    } catch (error) {
      // The table was too busy for now. Nothing is lost: the net takes the month's events until the next call.
      if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error;
    }
  }
  return made;
}

/** lock_not_available: lock_timeout was reached. */
const LOCK_NOT_AVAILABLE = '55P03';

/** The monthly partitions that exist, oldest first, without the net. */
export async function eventPartitions(db: Db): Promise<{ table: string }[]> {
  return rows(
    db,
    z.object({ table: z.string() }),
    `select c.relname as "table" from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'switchyard.events'::regclass and c.relname ~ '^events_[0-9]{4}_[0-9]{2}$' order by 1`,
  );
}

/** What {@link dropEventsBefore} removed. */
export interface Retired {
  readonly partitions: readonly string[];
  /** Rows removed from the net. */
  readonly rows: number;
}

/**
 * Retention: drops every month that ended before `before`, and what is older in the net. Whole months go, so that
 * nothing is deleted row by row; events can therefore stay up to a month longer. Numbers of a run are never given again.
 */
export async function dropEventsBefore(db: Db, options: { readonly before: Date }): Promise<Retired> {
  const partitions: string[] = [];
  for (const { table } of await eventPartitions(db)) {
    if (endOf(table) > options.before) continue;
    await db.transaction(async (trx) => {
      await setLockTimeout(trx);
      await trx.raw('drop table if exists switchyard.??', [table]);
    });
    partitions.push(table);
  }
  const before = options.before.toISOString();
  const removed = await execute(db, 'delete from switchyard.events_default where stored_at < :before', { before });
  await execute(db, 'delete from switchyard.event_batches where stored_at < :before', { before });
  return { partitions, rows: removed };
}

function monthAt(from: Date, offset: number): Month {
  const start = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + offset, 1));
  const end = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + offset + 1, 1));
  const table = `events_${start.getUTCFullYear()}_${String(start.getUTCMonth() + 1).padStart(2, '0')}`;
  return { table, start: start.toISOString(), end: end.toISOString() };
}

function endOf(table: string): Date {
  const [, year, month] = table.split('_').map(Number);
  return new Date(Date.UTC(year ?? 0, month ?? 0, 1));
}

/** Makes one partition; false when another process made it meanwhile. */
async function makePartition(db: Db, month: Month): Promise<boolean> {
  return db.transaction(async (trx) => {
    await execute(trx, 'select pg_advisory_xact_lock(:class::int, :lock::int)', {
      class: ADVISORY_CLASS,
      lock: ADVISORY_LOCKS.partitions,
    });
    const existing = await eventPartitions(trx);
    if (existing.some((p) => p.table === month.table)) return false;
    await setLockTimeout(trx);
    // Writers are held off before the net is emptied: a row that fell into it after that would make `attach` fail.
    await trx.raw('lock table switchyard.events in access exclusive mode');
    const range = { table: month.table, start: month.start, end: month.end };
    await trx.raw('create table switchyard.:table: (like switchyard.events including all)', range);
    await trx.raw(
      `with moved as (
         delete from switchyard.events_default where stored_at >= :start and stored_at < :end returning *
       ) insert into switchyard.:table: select * from moved`,
      range,
    );
    // Utility statements take no parameters: these two are dates made by this file, not input.
    await trx.raw(
      `alter table switchyard.events attach partition switchyard.:table: for values from ('${month.start}') to ('${month.end}')`,
      { table: month.table },
    );
    return true;
  });
}

/** Writers wait behind a table lock that is waited for, so it is not waited for long; maintenance comes again. */
async function setLockTimeout(trx: Db): Promise<void> {
  await trx.raw(`set local lock_timeout = '5s'`);
}
