/** Rate of a backfill. Plain JSON. */
export interface Pace {
  /** Pages or rows done per second, smoothed; 0 before the first sample. */
  readonly perSecond: number;
  readonly done: number;
  /** Milliseconds of the caller's clock. */
  readonly at: number;
}

export const newPace = (done: number, at: number): Pace => ({ perSecond: 0, done, at });

/** Half of what is known about the rate is older than this many milliseconds. */
const HALF_LIFE_MS = 10_000;

/** Takes a sample. Time spent throttled counts: the end comes later by it. */
export function samplePace(pace: Pace, done: number, at: number): Pace {
  const elapsed = at - pace.at;
  if (elapsed <= 0) return pace;
  const now = (Math.max(0, done - pace.done) * 1000) / elapsed;
  const weight = pace.perSecond === 0 ? 1 : 1 - 0.5 ** (elapsed / HALF_LIFE_MS);
  return { perSecond: pace.perSecond + weight * (now - pace.perSecond), done, at };
}

/** Progress as status shows it. */
export interface Progress {
  /** 0 to 100; 100 only when all is done. */
  readonly percent: number;
  readonly perSecond: number;
  /** Null: not known, because nothing moves. */
  readonly secondsLeft: number | null;
}

export function progressOf(pace: Pace, total: number): Progress {
  const left = Math.max(0, total - pace.done);
  return {
    percent: left === 0 ? 100 : Math.min(99.9, Math.floor((1000 * pace.done) / Math.max(1, total)) / 10),
    perSecond: Math.round(pace.perSecond),
    secondsLeft: left === 0 ? 0 : pace.perSecond > 0 ? Math.ceil(left / pace.perSecond) : null,
  };
}
