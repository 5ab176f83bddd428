import type { StoredEvent } from '@switchyard/contracts';
import type { Listener } from '../listener.js';
import type { Db } from '../sql.js';
import { readEvents, type ReadOptions } from './read.js';

/** Options of {@link followEvents}. */
export type FollowOptions = Omit<ReadOptions, 'limit'> &
  ({ readonly runId: string } | { readonly workflowId: string }) & {
    /** Ends the iteration, without an error. */
    readonly signal: AbortSignal;
    /** Wakes the follower at once; without it there is polling alone. */
    readonly listener?: Listener;
    /** Milliseconds between looks when nobody wakes. Default 1,000. */
    readonly pollMs?: number;
    /** Most events read at once. Default 500. */
    readonly pageSize?: number;
    /** Reads that may fail in a row, `pollMs` apart, before the error is thrown. Default 60. */
    readonly maxFailures?: number;
  };

/**
 * Gives the events of a run (or workflow) that are stored, then each new one, in the order of their numbers and without
 * gaps, until the signal aborts. Notifications only wake it: what it gives is always read from the table.
 */
export async function* followEvents(db: Db, options: FollowOptions): AsyncGenerator<StoredEvent, void, undefined> {
  const { signal, listener, pollMs = 1_000, pageSize = 500, maxFailures = 60, ...filter } = options;
  const bell = createBell(signal);
  // Subscribed before the first look, so that nothing falls between look and wait.
  const unsubscribe = listener?.subscribe(filter.runId, bell.ring);
  let after = filter.after ?? 0;
  let failures = 0;
  try {
    while (!signal.aborted) {
      bell.reset();
      let page: StoredEvent[] | undefined;
      try {
        page = await readEvents(db, { ...filter, after, limit: pageSize });
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (++failures > maxFailures) throw error;
      }
      for (const event of page ?? []) {
        if (signal.aborted) return;
        after = event.seq;
        yield event;
      }
      // While reads fail, a ringing listener must not turn the waiting into a busy loop.
      if (!page) await bell.wait(pollMs, { deaf: true });
      else if (page.length < pageSize) await bell.wait(pollMs);
    }
  } finally {
    unsubscribe?.();
    bell.close();
  }
}

/** A sticky wake-up: a ring before the wait counts. */
function createBell(signal: AbortSignal) {
  let hasRung = false;
  let wake: (() => void) | undefined;
  const onAbort = (): void => wake?.();
  signal.addEventListener('abort', onAbort);
  let isDeaf = false;
  return {
    ring(this: void): void {
      hasRung = true;
      if (!isDeaf) wake?.();
    },
    reset(): void {
      hasRung = false;
    },
    async wait(ms: number, { deaf = false } = {}): Promise<void> {
      if (signal.aborted || (hasRung && !deaf)) return;
      isDeaf = deaf;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      wake = undefined;
      isDeaf = false;
    },
    close(): void {
      signal.removeEventListener('abort', onAbort);
    },
  };
}
