import { quoteTable, type TableName } from '../identifiers.js';
import { statement, type Statement } from './statement.js';

/** The moment of a flip on the server's own clock, taken after the flag was set. */
export function flipMoment(): Statement {
  return statement(`select clock_timestamp()::text as at, pg_snapshot_xmax(pg_current_snapshot())::text as xid`);
}

/**
 * Transactions that began before a flip and are still open, prepared ones too: they may still write what they
 * decided by the old flag. No row: settled. A transaction without a write yet has no number, so its start counts.
 */
export function transactionsOlderThan(at: string): Statement {
  return statement(
    `select a.pid::text as id, 'session' as kind, coalesce(a.application_name, '') as application, a.state,
    extract(epoch from clock_timestamp() - a.xact_start)::float8 as seconds
    from pg_stat_activity a
    where a.datname = current_database() and a.backend_type = 'client backend'
    and a.pid <> pg_backend_pid() and a.xact_start < $1::timestamptz
    union all
    select p.gid, 'prepared', p.owner::text, 'prepared', extract(epoch from clock_timestamp() - p.prepared)::float8
    from pg_prepared_xacts p where p.database = current_database() and p.prepared < $1::timestamptz
    order by seconds desc`,
    [at],
  );
}

/** Open transactions that may have written one of the tables before a moment: a barrier of that moment does not cover them. */
export function openWriters(tables: readonly TableName[], at: string): Statement {
  return statement(
    `select distinct a.pid::text as id, coalesce(a.application_name, '') as application,
    extract(epoch from clock_timestamp() - a.xact_start)::float8 as seconds
    from pg_locks l join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'relation' and l.granted and l.mode = 'RowExclusiveLock'
    and l.database = (select oid from pg_database where datname = current_database())
    and l.relation = any(array(select to_regclass(t)::oid from unnest($1::text[]) as names(t)))
    and a.pid <> pg_backend_pid() and a.xact_start < $2::timestamptz
    order by seconds desc`,
    [tables.map(quoteTable), at],
  );
}

/**
 * Which of the transactions that a stream reported are not yet visible to this statement. A commit reaches the
 * stream when its WAL is flushed, a moment before other sessions see it (a long one with synchronous replication):
 * a row read in between is the old one, and its change would be lost. So a batch is applied only when this gives
 * no row. `xids` are the 32-bit numbers of BEGIN messages.
 */
export function notYetVisible(xids: readonly string[]): Statement {
  return statement(
    `select x as xid from unnest($1::bigint[]) as reported(x), pg_current_snapshot() as snapshot
    where exists (select 1 from pg_snapshot_xip(snapshot) as running(xid)
    where (running.xid::text::bigint & 4294967295) = x)
    or ((x - (pg_snapshot_xmax(snapshot)::text::bigint & 4294967295)) & 4294967295) < 2147483648`,
    [xids],
  );
}

/** Sends a barrier through the stream, in a transaction of its own; gives the position of its message. */
export function emitBarrier(prefix: string, content: string): Statement {
  return statement(`select pg_logical_emit_message(true, $1, $2)::text as lsn`, [prefix, content]);
}
