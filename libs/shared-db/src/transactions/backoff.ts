import { setTimeout as sleep } from 'node:timers/promises';

/** Bounds of a retry. */
export interface Backoff {
  /** Tries in all, the first one included. */
  readonly attempts: number;
  /** Milliseconds before the second try; doubled for each further one. */
  readonly baseMs: number;
  /** Most milliseconds between two tries. */
  readonly maxMs: number;
}

/** Waits before the next try: exponential with full jitter, so that those who collided do not collide again. */
export async function backOff(attempt: number, { baseMs, maxMs }: Backoff, signal?: AbortSignal): Promise<void> {
  const ceiling = Math.min(maxMs, baseMs * 2 ** (attempt - 1));
  await sleep(ceiling / 2 + (Math.random() * ceiling) / 2, undefined, signal ? { signal } : {});
}
