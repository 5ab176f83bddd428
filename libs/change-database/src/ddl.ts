import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@switchyard/contracts';
import { quoteTable, setLimits, showTable, type Statement, type TableName } from '@switchyard/schema-change';
import { sqlStateOf } from '@switchyard/shared-db';
import { z } from 'zod';
import type { ChangeSession } from './session.js';

/** Who holds a lock on a table. */
export interface LockHolder {
  readonly pid: string;
  readonly application: string;
  /** Age of its transaction. */
  readonly seconds: number;
}

/** Options of {@link changeSchema}. */
export interface ChangeSchemaOptions {
  /** Run in one transaction. */
  readonly statements: readonly Statement[];
  /** Tables whose locks are waited for, to name who holds them. */
  readonly tables: readonly TableName[];
  /**
   * Milliseconds that one attempt waits for its locks; default 100. Everybody who comes later queues behind that wait,
   * so it is what an application can notice.
   */
  readonly lockTimeoutMs?: number;
  /** Milliseconds for each statement; default 0, none. */
  readonly statementTimeoutMs?: number;
  /** Milliseconds until it is given up; default 10 minutes. */
  readonly withinMs?: number;
  readonly signal: AbortSignal;
  /** Told each time that it gave way. */
  readonly onGaveWay?: (attempt: number, holders: readonly LockHolder[]) => void | Promise<void>;
}

/** What a change of a schema took. */
export interface SchemaChanged {
  readonly attempts: number;
  /** Milliseconds of the attempt that went through, its wait for locks included. */
  readonly durationMs: number;
}

const LOCK_TIMEOUT_MS = 100;
const WITHIN_MS = 10 * 60_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 3_000;

/** lock_not_available, deadlock_detected, serialization_failure: the others go first, then it is tried again. */
const GIVES_WAY = new Set(['55P03', '40P01', '40001']);

/**
 * Changes a schema without standing in the way: a short wait for the locks, and when somebody holds them the whole
 * transaction again after a pause in which traffic gets its turn.
 * @throws LockUnavailable that names the holders when every attempt met one; the driver's errors of the statements
 */
export async function changeSchema(session: ChangeSession, options: ChangeSchemaOptions): Promise<SchemaChanged> {
  const { statements, tables, signal, withinMs = WITHIN_MS } = options;
  const deadline = performance.now() + withinMs;
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    const startedAt = performance.now();
    try {
      // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
      await session.transaction('read committed', async () => {
        await session.run(
          setLimits({
            lockTimeoutMs: options.lockTimeoutMs ?? LOCK_TIMEOUT_MS,
            statementTimeoutMs: options.statementTimeoutMs ?? 0,
          }),
        );
        // oxlint-disable-next-line no-await-in-loop -- in their order
        for (const statement of statements) await session.run(statement);
      });
      return { attempts: attempt, durationMs: performance.now() - startedAt };
    } catch (error) {
      if (!GIVES_WAY.has(sqlStateOf(error) ?? '')) throw error;
      // oxlint-disable-next-line no-await-in-loop -- asked after each attempt
      const holders = await lockHolders(session, tables);
      if (performance.now() > deadline) throw unavailable(tables, attempt, holders, error);
      // oxlint-disable-next-line no-await-in-loop -- told after each attempt
      await options.onGaveWay?.(attempt, holders);
    }
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt - 1, 10));
    // oxlint-disable-next-line no-await-in-loop -- the pause between two attempts
    await sleep(pause / 2 + (Math.random() * pause) / 2, undefined, { signal });
  }
}

const holderRow = z.object({ pid: z.string(), application: z.string(), seconds: z.number() });

/** The sessions that hold a lock on one of the tables, longest transaction first. */
export function lockHolders(session: ChangeSession, tables: readonly TableName[]): Promise<LockHolder[]> {
  return session.rows(holderRow, {
    text: `select a.pid::text as pid, coalesce(a.application_name, '') as application,
      coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::float8 as seconds
      from pg_stat_activity a
      where a.pid <> pg_backend_pid() and a.pid in (select l.pid from pg_locks l
        where l.locktype = 'relation' and l.granted
        and l.relation = any(array(select to_regclass(t)::oid from unnest($1::text[]) as names(t))))
      order by seconds desc limit 5`,
    values: [tables.map(quoteTable)],
  });
}

/** Holders in words: `pid 812 (reports, 12 s)`. */
export function showHolders(holders: readonly LockHolder[]): string {
  return holders
    .map(({ pid, application, seconds }) => `pid ${pid} (${application || 'no name'}, ${seconds.toFixed(1)} s)`)
    .join(', ');
}

function unavailable(
  tables: readonly TableName[],
  attempts: number,
  holders: readonly LockHolder[],
  cause: unknown,
): CodedError {
  const who = holders.length > 0 ? `it is held by ${showHolders(holders)}` : 'nobody holds it any more';
  return new CodedError(
    'LockUnavailable',
    `no lock on ${tables.map(showTable).join(', ')} in ${attempts} attempts; ${who}. End those transactions, then retry`,
    { details: { attempts, holders }, cause },
  );
}
