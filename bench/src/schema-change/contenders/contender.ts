import type { BenchStack } from '../../stack.ts';
import type { Latency, Span, Writes } from '../latency.ts';
import type { Layout, Size } from '../table.ts';

/** What a contender is measured on. */
export interface Ground {
  readonly stack: BenchStack;
  readonly layout: Layout;
  /** Milliseconds of writing before it begins, to compare with. */
  readonly quietMs: number;
  /** Milliseconds that somebody holds the table with an open transaction, at the start and at the end. Default 0: nobody. */
  readonly readerMs?: number;
}

/** What a contender did. */
export interface Contest {
  readonly contender: string;
  /** Rows whose new column was derived, and the seconds from its first to its last. */
  readonly rows: number;
  readonly backfillSeconds: number;
  readonly rowsPerSecond: number;
  /** All that it does. */
  readonly totalSeconds: number;
  readonly writers: {
    readonly before: Latency | null;
    /** From its start until the new shape is whole. */
    readonly start: Latency | null;
    /** From then until the old shape is gone. */
    readonly finish: Latency | null;
  };
  /** Log from its start to its end, that of the writers included. */
  readonly walMb: number;
  readonly size: { readonly before: Size; readonly after: Size };
  /** Rows whose new column is not what the last writer meant; null: nothing keeps it true after the backfill. */
  readonly wrongRows: number | null;
  /** What else is to be known. */
  readonly notes: Readonly<Record<string, unknown>>;
}

/** The times of a contender. */
export interface Times {
  readonly before: Span;
  readonly start: Span;
  readonly finish: Span | null;
}

/** What writers saw before, in the start and in the finish. */
export function writersOf(
  writes: Writes,
  { before, start, finish }: Times,
  latencyIn: (writes: Writes, span: Span) => Latency | null,
): Contest['writers'] {
  return {
    before: latencyIn(writes, before),
    start: latencyIn(writes, start),
    finish: finish && latencyIn(writes, finish),
  };
}
