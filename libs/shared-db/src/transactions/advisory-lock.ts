import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import { CodedError } from '@switchyard/contracts';
import type { Session } from '../connection/session.js';
import { backOff } from './backoff.js';
import { hostOf } from './host.js';

/** Options of {@link withAdvisoryLock}. */
export interface AdvisoryLockOptions {
  /** Milliseconds to wait for the lock before LockUnavailable. 0 tries once. Default: 10 000. */
  readonly waitMs?: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/** What the work under a lock is given. */
export interface HeldLock {
  /** Aborted when the connection that holds the lock is lost: somebody else may hold it from then on. */
  readonly signal: AbortSignal;
}

/** The number of a named lock: the first 64 bits of the SHA-256 of its name, as a decimal text for a bigint parameter. */
export function advisoryLockKey(name: string): string {
  return createHash('sha256').update(name).digest().readBigInt64BE(0).toString();
}

/** Takes a named lock for the rest of a transaction, waiting up to its lock_timeout (55P03). Works behind a pooler. */
export async function lockForTransaction(trx: Knex.Transaction, name: string): Promise<void> {
  await trx.raw('select pg_advisory_xact_lock(?::bigint)', [advisoryLockKey(name)]);
}

/**
 * Runs `fn` while this process alone holds the named lock. The lock lives on one connection of the pool that nobody else
 * uses meanwhile, so it ends with the process. Refused behind a pooler, where a session is not ours.
 */
export async function withAdvisoryLock<T>(
  db: Knex,
  name: string,
  fn: (lock: HeldLock) => Promise<T>,
  { waitMs = 10_000, signal }: AdvisoryLockOptions = {},
): Promise<T> {
  if (hostOf(db)?.pooler === 'pgbouncer') {
    throw new CodedError(
      'InvalidInput',
      `The lock "${name}" needs a direct connection: behind a pooler a session is shared; set DB_HOST_ADMIN and DB_PORT_ADMIN`,
    );
  }
  const client = db.client as Knex.Client;
  const session = (await client.acquireConnection()) as Session;
  const lost = new AbortController();
  const onEnd = (): void =>
    lost.abort(new CodedError('LockUnavailable', `The connection that held the lock "${name}" was lost`));
  session.once('end', onEnd);
  try {
    await acquire(db, session, name, waitMs, signal);
    try {
      return await fn({ signal: lost.signal });
    } finally {
      await release(db, session, name);
    }
  } finally {
    session.off('end', onEnd);
    await client.releaseConnection(session);
  }
}

/**
 * Asks again and again instead of waiting in the server: such a wait would fall under the connection's lock_timeout and
 * statement_timeout, and could not be given up.
 */
async function acquire(db: Knex, session: Session, name: string, waitMs: number, signal?: AbortSignal): Promise<void> {
  const key = advisoryLockKey(name);
  const deadline = performance.now() + waitMs;
  for (let attempt = 1; ; attempt++) {
    // oxlint-disable no-await-in-loop -- one question after the other
    const result = await db
      .raw<{ readonly rows: readonly { readonly locked: boolean }[] }>(
        'select pg_try_advisory_lock(?::bigint) as locked',
        [key],
      )
      .connection(session);
    if (result.rows[0]?.locked) return;
    if (performance.now() >= deadline) {
      throw new CodedError('LockUnavailable', `Another session holds the lock "${name}"; waited ${waitMs} ms`, {
        details: { lock: name, key },
      });
    }
    await backOff(
      attempt,
      { attempts: Infinity, baseMs: 20, maxMs: Math.max(20, Math.min(500, deadline - performance.now())) },
      signal,
    );
    // oxlint-enable no-await-in-loop
  }
}

async function release(db: Knex, session: Session, name: string): Promise<void> {
  try {
    await db.raw('select pg_advisory_unlock(?::bigint)', [advisoryLockKey(name)]).connection(session);
  } catch {
    // The lock ends with its connection; the connection must not serve others while it may still hold it.
    session.__knex__disposed ??= `the lock "${name}" could not be released`;
  }
}
