import { statement, type Statement } from './statement.js';

/** Where the control rows live in the target database. */
export const CONTROL_SCHEMA = 'switchyard_change';
const CONTROL = `"${CONTROL_SCHEMA}"."control"`;
/** Advisory lock of making and removing the control table: class "SWYC". */
export const CONTROL_LOCK = { class: 0x53575943, id: 1 } as const;

/** One row of the control table: who may write for a change, and how far the work is. */
export interface WriterName {
  /** The id of the change (`Shape.id`). */
  readonly change: string;
  /** `stream`, `backfill`, or `backfill:` and a partition. */
  readonly writer: string;
}

/** What a writer claims; a later claim takes it away. */
export interface Claim extends WriterName {
  readonly epoch: string;
}

/** Keeps two runs from making or removing the table at once; held to the end of the transaction. */
export function lockControl(): Statement {
  return statement('select pg_advisory_xact_lock($1, $2)', [CONTROL_LOCK.class, CONTROL_LOCK.id]);
}

export function createControlSchema(): Statement {
  return statement(`create schema if not exists "${CONTROL_SCHEMA}"`);
}

export function createControlTable(): Statement {
  return statement(`create table if not exists ${CONTROL} (
    change text not null,
    writer text not null,
    epoch bigint not null,
    lsn pg_lsn,
    progress jsonb not null default '{}',
    rows_written bigint not null default 0,
    updated_at timestamptz not null default now(),
    primary key (change, writer)
    ) with (fillfactor = 50)`);
}

/** Becomes the one writer: raises the epoch, so that every earlier claim fails at its next statement. */
export function claimWriter({ change, writer }: WriterName): Statement {
  return statement(
    `insert into ${CONTROL} as c (change, writer, epoch) values ($1, $2, 1)
    on conflict (change, writer) do update set epoch = c.epoch + 1, updated_at = now()
    returning epoch::text, lsn::text, progress, rows_written::text`,
    [change, writer],
  );
}

/**
 * The fence: the first statement of every chunk and batch. Locks the writer's row; no row means that a newer
 * claim exists and nothing may be written. `alsoLock` names rows to hold without a claim, in one fixed order.
 */
export function fence(claim: Claim, alsoLock: readonly string[] = []): Statement {
  const writers = [...new Set([claim.writer, ...alsoLock])].toSorted();
  return statement(
    `select writer, writer = $2 and epoch = $3::bigint as mine, lsn::text, progress
    from ${CONTROL}
    where change = $1 and writer = any($4::text[])
    order by writer
    for update`,
    [claim.change, claim.writer, claim.epoch, writers],
  );
}

/** What a chunk or batch adds. */
export interface Advance {
  readonly rows: number;
  /** JSON text; null keeps what is stored. */
  readonly progress: string | null;
  /** The commit position that is now applied; null keeps what is stored. Never goes back. */
  readonly lsn: string | null;
}

/** Writes progress in the same transaction as the rows. No row changed: the claim is lost, roll back. */
export function advance(claim: Claim, by: Advance): Statement {
  return statement(
    `update ${CONTROL} set
    progress = coalesce($4::jsonb, progress),
    rows_written = rows_written + $5::bigint,
    lsn = greatest(lsn, $6::pg_lsn),
    updated_at = now()
    where change = $1 and writer = $2 and epoch = $3::bigint`,
    [claim.change, claim.writer, claim.epoch, by.progress, String(by.rows), by.lsn],
  );
}

/** Reads all rows of a change. */
export function readControl(change: string): Statement {
  return statement(
    `select writer, epoch::text, lsn::text, progress, rows_written::text, updated_at
    from ${CONTROL} where change = $1 order by writer`,
    [change],
  );
}

/**
 * Forgets how far a writer was, and fences off whoever holds it: a stream that is made anew begins at a position of its
 * own, which on another server may even be a smaller one.
 */
export function resetWriter({ change, writer }: WriterName): Statement {
  return statement(
    `update ${CONTROL} set epoch = epoch + 1, lsn = null, progress = '{}', updated_at = now()
    where change = $1 and writer = $2`,
    [change, writer],
  );
}

/** Whether a writer has applied past a position; no row: there is no such writer. */
export function hasPassed({ change, writer }: WriterName, lsn: string): Statement {
  return statement(
    `select coalesce(lsn > $3::pg_lsn, false) as passed, lsn::text as applied, epoch::text, progress
    from ${CONTROL} where change = $1 and writer = $2`,
    [change, writer, lsn],
  );
}

/** Ends every writer of a change: their next fence finds nothing. */
export function deleteControl(change: string): Statement {
  return statement(`delete from ${CONTROL} where change = $1`, [change]);
}

/** Whether another change still has rows; ask under {@link lockControl} before the table is dropped. */
export function controlInUse(): Statement {
  return statement(`select exists (select 1 from ${CONTROL}) as in_use`);
}

/** When {@link controlInUse} says no, under the same lock. */
export function dropControlTable(): Statement {
  return statement(`drop table if exists ${CONTROL}`);
}

/** After the table; refused by PostgreSQL when something else was put into the schema. */
export function dropControlSchema(): Statement {
  return statement(`drop schema if exists "${CONTROL_SCHEMA}" restrict`);
}
