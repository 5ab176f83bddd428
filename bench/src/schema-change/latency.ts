import { quantile, tenth } from '../statistics.ts';

/** What a writer saw, in the order in which its writes were due. */
export interface Writes {
  /** When each write was due, in milliseconds since 1970. */
  readonly due: Float64Array;
  /** Milliseconds from then until it was answered; waiting for a free connection counts. */
  readonly ms: Float64Array;
  readonly failures: readonly Failure[];
}

/** A write that the application would have seen fail. */
export interface Failure {
  readonly due: number;
  /** SQLSTATE and message. */
  readonly message: string;
}

/** A stretch of time in milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Milliseconds that writes took in a stretch of time. */
export interface Latency {
  readonly writes: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly failed: number;
  /** How often each failure came. */
  readonly failures: Readonly<Record<string, number>>;
}

/** What the writes came to that were due in a stretch of time; null when there were none. */
export function latencyIn({ due, ms, failures }: Writes, { from, to }: Span): Latency | null {
  const isIn = (at: number): boolean => at >= from && at < to;
  const taken = [...ms].filter((_, i) => isIn(due[i] ?? 0));
  if (taken.length === 0) return null;
  const sorted = taken.toSorted((a, b) => a - b);
  const failed = failures.filter((failure) => isIn(failure.due));
  const counts: Record<string, number> = {};
  for (const { message } of failed) counts[message] = (counts[message] ?? 0) + 1;
  const at = (share: number): number => tenth(quantile(sorted, share));
  return {
    writes: taken.length,
    p50: at(0.5),
    p99: at(0.99),
    p999: at(0.999),
    max: at(1),
    failed: failed.length,
    failures: counts,
  };
}
