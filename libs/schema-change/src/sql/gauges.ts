import { quoteTable, type TableName } from '../identifiers.js';
import { statement, type Statement } from './statement.js';

/**
 * The gauges that the database itself can answer, in one row; null where there is nothing to measure.
 * Disk space and the latency of a probing commit are measured by the adapter.
 */
export function readGauges(table: TableName, slot: string): Statement {
  return statement(
    `select
    coalesce((select max(extract(epoch from replay_lag)) from pg_stat_replication
    where application_name <> $2 and replay_lag is not null), 0)::float8 as "replicaLagSeconds",
    (select pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 from pg_replication_slots
    where slot_name = $2) as "slotWalBytes",
    (select count(*) from pg_locks where relation = to_regclass($1) and not granted)::float8 as "lockWaiters",
    coalesce((select max(extract(epoch from clock_timestamp() - xact_start)) from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid()), 0)::float8 as "longestTransactionSeconds",
    (select count(*) from pg_stat_progress_vacuum where relid = to_regclass($1))::float8 as "autovacuumRunning",
    (select wal_status from pg_replication_slots where slot_name = $2) as "walStatus"`,
    [quoteTable(table), slot],
  );
}
