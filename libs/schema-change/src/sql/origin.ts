import { statement, type Statement } from './statement.js';

/**
 * Replication origins mark our own writes in the log, so that the stream need not look at them again: a backfill of a
 * million rows would come back as a million changes. One session holds an origin at a time, so each writer has its own.
 */
export function createOrigin(name: string): Statement {
  return statement(
    `select pg_replication_origin_create($1)
    where not exists (select 1 from pg_replication_origin where roname = $1)`,
    [name],
  );
}

/** Marks everything that this session writes from now on. Fails while another session holds the origin. */
export function useOrigin(name: string): Statement {
  return statement('select pg_replication_origin_session_setup($1)', [name]);
}

/** Lets another session take the origin, and ends the marking. */
export function releaseOrigin(): Statement {
  return statement('select pg_replication_origin_session_reset()');
}

/** Drops every origin whose name begins so; fails while a session holds one. */
export function dropOrigins(prefix: string): Statement {
  return statement(
    'select pg_replication_origin_drop(roname) from pg_replication_origin where starts_with(roname, $1)',
    [prefix],
  );
}

/** How many origins there are that are not ours: their writes are changes like any other and must not be filtered out. */
export function otherOrigins(prefix: string): Statement {
  return statement('select count(*)::int as others from pg_replication_origin where not starts_with(roname, $1)', [
    prefix,
  ]);
}
