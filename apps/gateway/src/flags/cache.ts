import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@switchyard/contracts';
import { createFlagListener, readFlags, type Db, type Flag } from '@switchyard/store';
import type { Log } from '@switchyard/worker-kit';

/** Options of {@link openFlagCache}. */
export interface FlagCacheOptions {
  readonly db: Db;
  /** Milliseconds after a look into the store in which its answer counts. */
  readonly maxAgeMs: number;
  /** Milliseconds between looks when nobody notifies. Default 1,000. */
  readonly pollMs?: number;
  readonly log: Log;
}

/** All flags, as the store had them a moment ago. */
export interface FlagCache {
  /** @throws CodedError DatabaseUnreachable when the last look is too long ago: an old value is worse than none */
  current(): ReadonlyMap<string, Flag>;
  /** Milliseconds since the beginning of the last look that succeeded; infinite before the first. */
  ageMs(): number;
  close(): Promise<void>;
}

/** Keeps flags in memory: looks at once when one is notified as changed, and every second in any case. */
export function openFlagCache({ db, maxAgeMs, pollMs = 1_000, log }: FlagCacheOptions): FlagCache {
  const closing = new AbortController();
  const listener = createFlagListener(db);
  let flags: ReadonlyMap<string, Flag> = new Map();
  let lookedAt = Number.NEGATIVE_INFINITY;
  let isFailing = false;
  let rung = Promise.withResolvers<void>();
  listener.subscribe(undefined, () => rung.resolve());

  const look = async (): Promise<void> => {
    // The clock before the look: a process that was stopped in the middle of it must not take its answer for fresh.
    const now = performance.now();
    try {
      const found = await readFlags(db);
      flags = new Map(found.map((flag) => [flag.key, flag]));
      lookedAt = now;
      if (isFailing) log.info('the store answers again');
      isFailing = false;
    } catch (error) {
      if (!isFailing) log.warn({ err: error }, 'the flags could not be read');
      isFailing = true;
    }
  };

  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      // Before the look, so that a change during it leads to another one.
      rung = Promise.withResolvers<void>();
      const { promise } = rung;
      await look();
      // While looks fail, a ringing listener must not turn the waiting into a busy loop.
      const pause = sleep(pollMs, undefined, { signal: closing.signal }).catch(() => undefined);
      await (isFailing ? pause : Promise.race([promise, pause]));
    }
  };
  const running = run();

  const ageMs = (): number => performance.now() - lookedAt;
  return {
    current() {
      if (ageMs() <= maxAgeMs) return flags;
      throw new CodedError(
        'DatabaseUnreachable',
        `the flags are older than ${maxAgeMs} ms, because the store cannot be reached; none is given rather than an old one`,
      );
    },
    ageMs,
    async close() {
      closing.abort();
      rung.resolve();
      await listener.close();
      await running;
    },
  };
}
