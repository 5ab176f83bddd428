import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import { destroySession } from './session.js';
import type { PoolState } from './pool-client.js';

/** Options of `close`. */
export interface CloseOptions {
  /** Milliseconds that running statements and transactions get. Default: 5 000. */
  readonly deadlineMs?: number;
}

/** How a pool ended. */
export interface CloseReport {
  /** Connections that were still in use at the deadline and were cut. 0 after an orderly end. */
  readonly forced: number;
}

/** How long cancel requests and the cut connections get, beyond the deadline. */
const FORCE_MS = 1_000;

/** Ends a pool. Knex alone waits without limit for a transaction that nobody finishes. */
export async function closePool(
  db: Knex,
  state: PoolState,
  { deadlineMs = 5_000 }: CloseOptions = {},
): Promise<CloseReport> {
  const ended = db.destroy().then(
    () => true,
    () => true,
  );
  if (await within(ended, deadlineMs)) return { forced: 0 };
  const open = [...state.live.keys()];
  // A cut socket alone leaves a running statement, with its locks, until it next wants to send: it is cancelled first.
  const client = db.client as { cancelQuery(connection: unknown): Promise<void> };
  const cancelled = Promise.allSettled(
    open.filter((s) => s.processID !== null).map((session) => client.cancelQuery(session)),
  );
  await within(
    cancelled.then(() => true),
    FORCE_MS,
  );
  for (const session of open) destroySession(session, 'the pool was closed');
  await within(ended, FORCE_MS);
  return { forced: open.length };
}

async function within(done: Promise<boolean>, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(ms, false, { signal: timer.signal }).catch(() => false);
  try {
    return await Promise.race([done, late]);
  } finally {
    timer.abort();
  }
}
