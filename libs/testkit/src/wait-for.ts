import { setTimeout as sleep } from 'node:timers/promises';

/** Options of {@link waitFor}. */
export interface WaitForOptions {
  /** Milliseconds. Default 60000: generous, since a test that waits for a condition never waits longer than it must. */
  readonly timeoutMs?: number;
  /** Milliseconds between two looks. Default 25. */
  readonly intervalMs?: number;
  /** What is waited for, for the message. */
  readonly what: string;
}

/** Something else than "not yet". */
export type Settled<T> = Exclude<T, false | null | undefined>;

/**
 * Looks again and again until the condition answers something else than false, null or undefined, and gives that. An
 * error of the condition counts as "not yet" and is the cause of the final error.
 */
export async function waitFor<T>(condition: () => T | Promise<T>, options: WaitForOptions): Promise<Settled<T>> {
  const { timeoutMs = 60_000, intervalMs = 25, what } = options;
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await condition();
      last = undefined;
      if (value !== false && value !== null && value !== undefined) return value as Settled<T>;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= deadline) {
      const because = last instanceof Error ? `: ${last.message}` : '';
      throw new Error(`waited ${timeoutMs} ms for ${what}${because}`, last === undefined ? undefined : { cause: last });
    }
    await sleep(intervalMs);
  }
}
