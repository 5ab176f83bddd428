/** What a series of measurements comes to. All values have the unit of the series. */
export interface Summary {
  readonly n: number;
  readonly min: number;
  readonly median: number;
  /** Nine of ten values are at most this. */
  readonly p90: number;
  readonly max: number;
}

/** The value at a share of a sorted series, between its neighbours where it falls between two. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const last = sorted.at(-1);
  if (last === undefined) throw new RangeError('a series without values has no quantile');
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? last;
  const high = sorted[Math.ceil(at)] ?? last;
  return low + (high - low) * (at - Math.floor(at));
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Smallest, middle and largest values of a series, rounded to a tenth. */
export function summarize(values: readonly number[]): Summary {
  return {
    n: values.length,
    min: tenth(quantile(values, 0)),
    median: tenth(median(values)),
    p90: tenth(quantile(values, 0.9)),
    max: tenth(quantile(values, 1)),
  };
}

/** Rounds to one decimal: more would pretend to know what the clock and the scheduler do not say. */
export const tenth = (value: number): number => Math.round(value * 10) / 10;

/** Two measurements that were taken right after each other, so that the load of the machine is in both. */
export interface Pair {
  readonly ours: number;
  readonly bare: number;
}

/** What pairs come to. The difference is taken within each pair, and the median over the differences. */
export interface PairedSummary {
  readonly ours: Summary;
  readonly bare: Summary;
  readonly difference: Summary;
}

export function summarizePairs(pairs: readonly Pair[]): PairedSummary {
  return {
    ours: summarize(pairs.map(({ ours }) => ours)),
    bare: summarize(pairs.map(({ bare }) => bare)),
    difference: summarize(pairs.map(({ ours, bare }) => ours - bare)),
  };
}
