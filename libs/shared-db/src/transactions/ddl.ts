import type { Knex } from 'knex';
import { CodedError } from '@switchyard/contracts';
import { sqlStateOf } from '../errors/sqlstate.js';
import { backOff, type Backoff } from './backoff.js';
import { hostOf } from './host.js';
import { withTransaction } from './with-transaction.js';

/** Options of {@link runDdl}. */
export interface DdlOptions {
  /** Milliseconds that one attempt waits for its locks. Default: 2 000. Everybody who comes later queues behind that wait. */
  readonly lockTimeoutMs?: number;
  /** Milliseconds for each statement; 0 none. Default: 0. */
  readonly statementTimeoutMs?: number;
  /** Bounds of the retry. Default: 10 attempts, 250 ms doubling to 5 s: traffic gets its turn between two attempts. */
  readonly retry?: Partial<Backoff>;
  /** Called before each further attempt, for progress. */
  readonly onRetry?: (attempt: number) => void;
  readonly signal?: AbortSignal;
}

const DEFAULT_LOCK_TIMEOUT_MS = 2_000;
const DEFAULT_RETRY: Backoff = { attempts: 10, baseMs: 250, maxMs: 5_000 };

/**
 * Changes a schema without standing in the way: a short lock_timeout, and when it runs out the whole transaction again after
 * a pause. LockUnavailable when every attempt ran out.
 */
export async function runDdl<T>(
  db: Knex,
  fn: (trx: Knex.Transaction) => Promise<T>,
  options: DdlOptions = {},
): Promise<T> {
  return retryLocks(options, () =>
    withTransaction(db, fn, {
      lockTimeoutMs: options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS,
      statementTimeoutMs: options.statementTimeoutMs ?? 0,
      ...(options.signal ? { signal: options.signal } : {}),
    }),
  );
}

/**
 * Runs one statement that refuses a transaction, such as CREATE INDEX CONCURRENTLY, with a lock_timeout of its own on one
 * connection. It is not repeated: a failed one leaves an invalid index, which the caller must drop first.
 */
export async function runDdlOutsideTransaction(
  db: Knex,
  sql: string,
  options: Pick<DdlOptions, 'lockTimeoutMs' | 'statementTimeoutMs'> = {},
): Promise<void> {
  const host = hostOf(db);
  if (host?.pooler === 'pgbouncer') {
    throw new CodedError(
      'InvalidInput',
      'DDL outside of a transaction needs a direct connection: behind a pooler its time-outs reach other clients; set DB_HOST_ADMIN and DB_PORT_ADMIN',
    );
  }
  const client = db.client as Knex.Client;
  const connection: unknown = await client.acquireConnection();
  try {
    await db
      .raw(`select set_config('lock_timeout', ?, false), set_config('statement_timeout', ?, false)`, [
        String(options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS),
        String(options.statementTimeoutMs ?? 0),
      ])
      .connection(connection);
    await db.raw(sql).connection(connection);
  } finally {
    // RESET goes back to the start-up value of the connection. A connection that cannot be reset must not be shared again.
    await db
      .raw('reset lock_timeout; reset statement_timeout')
      .connection(connection)
      .catch(() => {
        (connection as { __knex__disposed?: unknown }).__knex__disposed = 'its time-outs could not be reset';
      });
    await client.releaseConnection(connection);
  }
}

async function retryLocks<T>(options: DdlOptions, run: () => Promise<T>): Promise<T> {
  const backoff = { ...DEFAULT_RETRY, ...options.retry };
  for (let attempt = 1; ; attempt++) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
      return await run();
    } catch (error) {
      if (sqlStateOf(error) !== '55P03') throw error;
      if (attempt >= backoff.attempts) {
        throw new CodedError(
          'LockUnavailable',
          `The schema change did not get its lock in ${attempt} attempts of ${options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS} ms; look for long transactions in pg_stat_activity`,
          { cause: error },
        );
      }
    }
    // oxlint-disable-next-line no-await-in-loop -- the pause between two attempts
    await backOff(attempt, backoff, options.signal);
    options.onRetry?.(attempt + 1);
  }
}
