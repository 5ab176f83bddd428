import { CONTROL_SCHEMA } from './control.js';
import type { Key } from './ranges.js';
import { statement, type Statement } from './statement.js';

const PARKED = `"${CONTROL_SCHEMA}"."parked"`;

/** Keys that cannot be derived, beside the control table and made and removed with it. */
export function createParkedTable(): Statement {
  return statement(`create table if not exists ${PARKED} (
    change text not null,
    key text[] not null,
    code text not null,
    reason text not null,
    attempts int not null default 1,
    parked_at timestamptz not null default now(),
    primary key (change, key)
    )`);
}

/** Why a key is parked. `reason` holds names of columns and constraints, never a value of the row. */
export interface Parking {
  readonly key: Key;
  /** SQLSTATE. */
  readonly code: string;
  readonly reason: string;
}

/** Parks a key, or notes one more attempt on it. In the transaction that goes on without it. */
export function park(change: string, { key, code, reason }: Parking): Statement {
  return statement(
    `insert into ${PARKED} as p (change, key, code, reason) values ($1, $2::text[], $3, $4)
    on conflict (change, key) do update
    set code = excluded.code, reason = excluded.reason, attempts = p.attempts + 1`,
    [change, key, code, reason],
  );
}

/** Takes keys out that were derived after all. */
export function unpark(change: string, keys: readonly Key[]): Statement {
  return statement(
    `delete from ${PARKED} where change = $1
    and key in (select array(select jsonb_array_elements_text(k)) from jsonb_array_elements($2::jsonb) as wanted(k))`,
    [change, JSON.stringify(keys)],
  );
}

/** Parked keys, longest first. */
export function readParked(change: string, limit: number): Statement {
  return statement(
    `select key, code, reason, attempts, parked_at from ${PARKED} where change = $1
    order by parked_at, key limit $2::int`,
    [change, String(limit)],
  );
}

export function countParked(change: string): Statement {
  return statement(`select count(*)::int as parked from ${PARKED} where change = $1`, [change]);
}

export function deleteParked(change: string): Statement {
  return statement(`delete from ${PARKED} where change = $1`, [change]);
}

/** With the control table, when no change uses it any more. */
export function dropParkedTable(): Statement {
  return statement(`drop table if exists ${PARKED}`);
}
