import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@switchyard/contracts';
import type { Db } from '../sql.js';
import { acquireLocks, type AcquireOptions } from './acquire.js';
import { showHolders, type LockClaim } from './lock.js';
import { stopWaiting } from './release.js';

/** Options of {@link waitForLocks}. */
export interface WaitForLocksOptions extends AcquireOptions {
  /** Ends the waiting; the owner is taken off the list. */
  readonly signal: AbortSignal;
  /** Milliseconds to wait at most. Default: until the signal. */
  readonly timeoutMs?: number;
  /** Milliseconds between attempts, with jitter. Default 1,000. */
  readonly pollMs?: number;
  /** Told after each attempt that failed; for heartbeats and status. */
  readonly onBlocked?: (blockedBy: readonly LockClaim[]) => void;
}

/**
 * Takes all of the locks, however long others hold them. Who waits longest has no precedence: with many runs after the
 * same names, chance decides.
 * @throws CodedError LockUnavailable with the holders after `timeoutMs`, Cancelled when the signal aborted
 */
export async function waitForLocks(db: Db, options: WaitForLocksOptions): Promise<readonly LockClaim[]> {
  const { signal, timeoutMs = Infinity, pollMs = 1_000, onBlocked } = options;
  const deadline = performance.now() + timeoutMs;
  try {
    for (;;) {
      if (signal.aborted) throw new CodedError('Cancelled', `the wait for ${listed(options.names)} was cancelled`);
      const result = await acquireLocks(db, options);
      if (result.isAcquired) return result.locks;
      onBlocked?.(result.blockedBy);
      const left = deadline - performance.now();
      if (left <= 0) throw unavailable(options.names, result.blockedBy, timeoutMs);
      await sleep(Math.min(left, pollMs * (0.75 + Math.random() / 2)), undefined, { signal }).catch(() => undefined);
    }
  } catch (error) {
    // Listed as waiting for nothing would mislead people; but it is the first error that counts.
    await stopWaiting(db, { owner: options.owner, names: options.names }).catch(() => undefined);
    throw error;
  }
}

const listed = (names: readonly string[]): string => names.map((name) => `lock "${name}"`).join(', ');

function unavailable(names: readonly string[], blockedBy: readonly LockClaim[], timeoutMs: number): CodedError {
  return new CodedError(
    'LockUnavailable',
    `${listed(names)} not free within ${timeoutMs} ms: ${showHolders(blockedBy)}. Wait for the holder, or release it with a reason`,
    { details: { names, blockedBy } },
  );
}
