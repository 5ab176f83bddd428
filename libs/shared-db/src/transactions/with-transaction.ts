import type { Knex } from 'knex';
import { CodedError } from '@switchyard/contracts';
import { isConnectionLost } from '../errors/marks.js';
import { endsSession, retryReasonOf, sqlStateOf } from '../errors/sqlstate.js';
import { backOff, type Backoff } from './backoff.js';
import { hostOf, type DatabaseHost } from './host.js';

export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable';

/** Options of {@link withTransaction}. */
export interface TransactionOptions {
  /** Default: the server's, which is read committed. */
  readonly isolation?: IsolationLevel;
  readonly readOnly?: boolean;
  /** Bounds of the retry, or false for none. Default: 5 attempts, 20 ms doubling to 1 s. `fn` must be safe to run again. */
  readonly retry?: false | Partial<Backoff>;
  /** Milliseconds for each statement of this transaction; 0 none. Default: the pool's. */
  readonly statementTimeoutMs?: number;
  /** Milliseconds for each wait for a lock in this transaction; 0 none. Default: the pool's. */
  readonly lockTimeoutMs?: number;
  /**
   * Says whether the work is there, when the connection was lost during COMMIT and nobody else can know. True: the transaction
   * succeeded. False: it runs again. Without it such a loss is an {@link UnknownCommitError}, never a retry.
   */
  readonly isCommitted?: () => Promise<boolean>;
  /** Ends the waits between attempts. A statement that runs is ended by its time-out. */
  readonly signal?: AbortSignal;
}

/** The connection was lost during COMMIT: the work may be saved or not. Not retryable, because a retry might do it twice. */
export class UnknownCommitError extends CodedError {
  override readonly name = 'UnknownCommitError';

  constructor(cause: unknown) {
    super(
      'DatabaseUnreachable',
      'The connection was lost during COMMIT, so the work may be saved or not; look before you repeat it, or pass isCommitted',
      { cause, retryable: false, details: { commit: 'unknown' } },
    );
  }
}

/** A statement of the transaction failed, its error was swallowed, and the server would have saved nothing. */
export class AbortedTransactionError extends CodedError {
  override readonly name = 'AbortedTransactionError';

  constructor(swallowed: unknown) {
    const sqlState = sqlStateOf(swallowed);
    super(
      'Internal',
      `A statement of the transaction failed${sqlState ? ` (SQLSTATE ${sqlState})` : ''} and its error was swallowed, so nothing was saved; ` +
        'wrap a step that may fail in trx.transaction(), which is a savepoint',
      { cause: swallowed, retryable: false, details: { sqlState } },
    );
  }
}

const DEFAULT_RETRY: Backoff = { attempts: 5, baseMs: 20, maxMs: 1_000 };

/**
 * Runs `fn` in one transaction and returns its result once the server has committed it. The whole of it runs again after a
 * serialization failure, a deadlock, or the loss of the server before COMMIT; never after anything else. Errors of the
 * database are thrown as they are (see toDatabaseError), except for the two that the driver cannot tell:
 * {@link AbortedTransactionError} and {@link UnknownCommitError}.
 */
export async function withTransaction<T>(
  db: Knex,
  fn: (trx: Knex.Transaction) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const host = hostOf(db);
  const backoff: Backoff =
    options.retry === false ? { ...DEFAULT_RETRY, attempts: 1 } : { ...DEFAULT_RETRY, ...options.retry };
  for (let attempt = 1; ; attempt++) {
    options.signal?.throwIfAborted();
    // One attempt after the other: that is what a retry is.
    // oxlint-disable no-await-in-loop
    const outcome = await runOnce(db, host, fn, options);
    if (outcome.ok) return outcome.value;
    let reason = outcome.retry;
    if (outcome.phase === 'commit' && isUnknownCommit(outcome.error)) {
      if (!options.isCommitted) throw new UnknownCommitError(outcome.error);
      if (await options.isCommitted()) return outcome.result as T;
      reason = 'connection-lost';
    }
    if (reason === undefined || attempt >= backoff.attempts) throw outcome.error;
    host?.noteRetry(reason);
    await backOff(attempt, backoff, options.signal);
    // oxlint-enable no-await-in-loop
  }
}

type Phase = 'begin' | 'body' | 'commit';

type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly phase: Phase;
      readonly error: unknown;
      readonly retry?: string;
      readonly result?: T;
    };

async function runOnce<T>(
  db: Knex,
  host: DatabaseHost | undefined,
  fn: (trx: Knex.Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<Outcome<T>> {
  let phase: Phase = 'begin';
  let result: T | undefined;
  // When the connection is lost, Knex replaces the error of the body by that of its ROLLBACK: the first one is kept here.
  let bodyError: { readonly error: unknown } | undefined;
  try {
    const value = await db.transaction(
      async (trx) => {
        phase = 'body';
        let swallowed: unknown;
        trx.on('query-error', (error: unknown) => {
          swallowed ??= error;
        });
        try {
          await setLocalTimeouts(trx, host, options);
          result = await fn(trx);
          await proveAlive(trx, () => swallowed);
          phase = 'commit';
          return result;
        } catch (error) {
          bodyError = { error };
          throw error;
        }
      },
      {
        ...(options.isolation ? { isolationLevel: options.isolation } : {}),
        ...(options.readOnly === undefined ? {} : { readOnly: options.readOnly }),
      },
    );
    return { ok: true, value };
  } catch (caught) {
    const error = bodyError ? bodyError.error : caught;
    const retry = retryReason(error, phase, options);
    if (retry === 'server-away') host?.refresh();
    return {
      ok: false,
      phase,
      error,
      ...(retry === undefined ? {} : { retry: sqlStateOf(error) ?? 'connection-lost' }),
      ...(result === undefined ? {} : { result }),
    };
  }
}

/**
 * COMMIT of an aborted transaction succeeds as far as the driver can tell, and saves nothing. One more statement makes the
 * server say so; queries that the body forgot to await are answered before it, so their failures count too.
 */
async function proveAlive(trx: Knex.Transaction, swallowed: () => unknown): Promise<void> {
  try {
    await trx.raw('select 1');
  } catch (error) {
    if (sqlStateOf(error) === '25P02') throw new AbortedTransactionError(swallowed());
    throw error;
  }
}

async function setLocalTimeouts(
  trx: Knex.Transaction,
  host: DatabaseHost | undefined,
  options: TransactionOptions,
): Promise<void> {
  // Behind a pooler the connection carries no time-outs of ours, so each transaction brings them along.
  const preset = host?.pooler === 'pgbouncer' ? host.timeouts : undefined;
  const statementMs = options.statementTimeoutMs ?? preset?.statementMs;
  const lockMs = options.lockTimeoutMs ?? preset?.lockMs;
  const idleMs = preset?.idleInTransactionMs;
  const settings = [
    ['statement_timeout', statementMs],
    ['lock_timeout', lockMs],
    ['idle_in_transaction_session_timeout', idleMs],
  ].filter((pair): pair is [string, number] => pair[1] !== undefined);
  if (settings.length === 0) return;
  const calls = settings.map(() => 'set_config(?, ?, true)').join(', ');
  await trx.raw(
    `select ${calls}`,
    settings.flatMap(([name, ms]) => [name, String(ms)]),
  );
}

function retryReason(
  error: unknown,
  phase: Phase,
  options: TransactionOptions,
): 'conflict' | 'server-away' | undefined {
  const sqlState = sqlStateOf(error);
  if (sqlState === '25006') {
    // The server is a standby now; a transaction that was opened read-only is the caller's own mistake.
    return options.readOnly ? undefined : 'server-away';
  }
  if (sqlState !== undefined) {
    const reason = retryReasonOf(sqlState);
    return reason === 'server-away' && phase === 'commit' ? undefined : reason;
  }
  return phase !== 'commit' && isConnectionLost(error) ? 'server-away' : undefined;
}

/** An ERROR in answer to COMMIT is a clear no. The end of the session, or silence, is not an answer. */
function isUnknownCommit(error: unknown): boolean {
  return sqlStateOf(error) === undefined || endsSession(error);
}
