import { quoteName } from '../identifiers.js';
import type { Shape } from './shape.js';
import { statement, wholeNumber, type Statement } from './statement.js';

/**
 * Settings of every session that works on a change: the same text for the same value (keys travel as text), one search
 * path, so that a function in an expression is the same function for every worker, and pages that it pushes out of the
 * buffers go to the disk at once. They would pile up in the page cache until the next checkpoint syncs them all, and
 * every commit of the application waits behind that (measured: the slowest of 100 writes takes 70 ms instead of 20).
 */
export function sessionSettings(shape: Shape): Statement {
  const path = [...new Set([shape.source.schema, 'public'])].map(quoteName).join(', ');
  const settings = {
    search_path: path,
    datestyle: 'ISO, YMD',
    intervalstyle: 'postgres',
    timezone: 'UTC',
    extra_float_digits: '1',
    bytea_output: 'hex',
    backend_flush_after: '512kB',
  };
  return statement(
    `select set_config(name, value, false)
    from unnest($1::text[], $2::text[]) as settings(name, value)`,
    [Object.keys(settings), Object.values(settings)],
  );
}

/** Limits of one transaction in milliseconds; 0 is no limit. */
export interface TransactionLimits {
  readonly lockTimeoutMs: number;
  readonly statementTimeoutMs: number;
}

const LIMITS = `set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true)`;
const PLANNER = `set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true)`;

/** Sets the limits for the rest of the transaction. */
export function setLimits(limits: TransactionLimits): Statement {
  return statement(`select ${LIMITS}`, [
    String(wholeNumber(limits.lockTimeoutMs, 'lockTimeoutMs')),
    String(wholeNumber(limits.statementTimeoutMs, 'statementTimeoutMs')),
  ]);
}

/**
 * Planner settings for chunks and batches, for the rest of the transaction. Each of them touches few rows by pages
 * or by key; a join that reads the whole table for each one makes the work quadratic.
 */
export function applySettings(): Statement {
  return statement(`select ${PLANNER}`);
}

/**
 * All that a transaction of a chunk or batch begins with, in one round trip: limits, the settings of
 * {@link applySettings}, and in one row the application's triggers are kept from firing, so that `updated_at` and the
 * like stay untouched. Not for a new table: its foreign keys are triggers too. Without the privilege to do so they fire:
 * preflight has refused a table with a trigger that would.
 */
export function writeSettings(shape: Shape, limits: TransactionLimits): Statement {
  const silent = `, case when has_parameter_privilege('session_replication_role', 'set')
    then set_config('session_replication_role', 'replica', true) end`;
  return statement(
    `select ${LIMITS},
    ${PLANNER}${shape.sameRow ? silent : ''}`,
    setLimits(limits).values,
  );
}

/** Isolation of the transactions that write a batch: see SPEC.md, "Why two isolation levels". */
export function applyIsolation(shape: Shape): 'read committed' | 'repeatable read' {
  return shape.sameRow ? 'read committed' : 'repeatable read';
}
