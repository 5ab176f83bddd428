/** How often a stream has failed in a row. */
export interface Pauses {
  readonly failures: number;
  /** When the last attempt began, in milliseconds. */
  readonly startedAt: number;
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** An attempt that lasted this long was a good one. */
const GOOD_MS = 5 * 60_000;

/** The pause after a failure: doubled each time in a row, from the start again after an attempt that went well. */
export function nextPause(pauses: Pauses, now: number): { readonly pauses: Pauses; readonly pauseMs: number } {
  const failures = now - pauses.startedAt >= GOOD_MS ? 1 : pauses.failures + 1;
  return {
    pauses: { ...pauses, failures },
    pauseMs: Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 16)),
  };
}
