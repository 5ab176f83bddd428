/** What a load met. */
export interface LoadReport {
  readonly seed: number;
  readonly durationMs: number;
  /** Requests that were sent. */
  readonly sent: number;
  /** Answered with a 2xx. */
  readonly served: number;
  /** Not served: another status, or no answer. */
  readonly failed: number;
  /** Served, but later than the threshold. */
  readonly slow: number;
  readonly slowMs: number;
  /** Reads that did not give what was written last. */
  readonly mismatched: number;
  /** Failures by operation and status or error: `rename 503`. */
  readonly failures: Readonly<Record<string, number>>;
  /** The first failures, with what was answered. */
  readonly firstFailures: readonly string[];
  /** The first mismatches. */
  readonly mismatches: readonly Mismatch[];
  readonly operations: Readonly<Record<string, number>>;
  /** From the moment that a request was due, so that a stall counts for all that waited in it. */
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number };
}

/** A read that gave something else than what was written. */
export interface Mismatch {
  readonly id: string;
  readonly wanted: unknown;
  readonly got: unknown;
}

/** Failures and mismatches that are kept word for word. */
const KEPT = 20;

/** Counts what a load meets. */
export function createTally(slowMs: number) {
  const latencies: number[] = [];
  const failures = new Map<string, number>();
  const operations = new Map<string, number>();
  const mismatches: Mismatch[] = [];
  const firstFailures: string[] = [];
  let served = 0;
  let slow = 0;
  let mismatched = 0;
  const add = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);

  return {
    served(operation: string, latencyMs: number): void {
      add(operations, operation);
      served++;
      if (latencyMs > slowMs) slow++;
      latencies.push(latencyMs);
    },
    failed(operation: string, why: string, detail: string): void {
      add(operations, operation);
      add(failures, `${operation} ${why}`);
      if (firstFailures.length < KEPT) firstFailures.push(`${operation} ${why}: ${detail}`);
    },
    mismatched(mismatch: Mismatch): void {
      mismatched++;
      if (mismatches.length < KEPT) mismatches.push(mismatch);
    },
    report(run: { readonly seed: number; readonly durationMs: number }): LoadReport {
      const sorted = latencies.toSorted((one, other) => one - other);
      const at = (share: number): number =>
        Math.round((sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0) * 10) / 10;
      const failed = [...failures.values()].reduce((sum, count) => sum + count, 0);
      return {
        ...run,
        sent: served + failed,
        served,
        failed,
        slow,
        slowMs,
        mismatched,
        failures: Object.fromEntries(failures),
        firstFailures,
        mismatches,
        operations: Object.fromEntries(operations),
        latencyMs: { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) },
      };
    },
  };
}
