import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchStack } from '../../stack.ts';
import { latencyIn, type Latency, type Span, type Writes } from '../latency.ts';
import { logPosition, makeTable, megabytes, sizeOf, wrongRows, type Layout, type Size } from '../table.ts';
import { startWriter, type Speech, type Writer } from '../writer.ts';

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

/** What a contender did, beside what is measured around every one alike. */
export interface Done extends Omit<Contest, 'writers' | 'walMb' | 'size' | 'rowsPerSecond' | 'notes' | 'wrongRows'> {
  readonly start: Span;
  readonly finish: Span | null;
  /** What holds the new value at the end; null: nothing keeps it true. */
  readonly newColumn: string | null;
  /** Told what the writers saw. */
  readonly notes: (writes: Writes) => Contest['notes'];
}

/** Where and beside whom a contender is measured. */
export interface Field {
  readonly url: string;
  /** How the application writes before the change. */
  readonly speech: Speech;
  /** What the contender needs on the table before it is looked at. */
  readonly prepare?: () => Promise<void>;
}

/** What a contender works with. */
export interface Turn {
  readonly writer: Writer;
  /** When it began, milliseconds since 1970. */
  readonly begun: number;
}

/** Makes the table, lets writers write for a while, then the contender do its work, and measures what it cost. */
export async function contest(
  { stack, layout, quietMs }: Ground,
  { url, speech, prepare }: Field,
  work: (turn: Turn) => Promise<Done>,
): Promise<Contest> {
  await makeTable({ adminUrl: stack.servers.postgres.adminUrl, url, layout });
  await prepare?.();
  const before = await sizeOf(url);
  await using writer = await startWriter({ url, rows: layout.rows, speech });
  const quiet = Date.now();
  await sleep(quietMs);
  const log = await logPosition(url);
  const begun = Date.now();
  const { start, finish, newColumn, notes, ...done } = await work({ writer, begun });
  const walMb = megabytes((await logPosition(url)) - log);
  const writes = await writer.stop();
  return {
    ...done,
    rowsPerSecond: Math.round(done.rows / done.backfillSeconds),
    writers: {
      before: latencyIn(writes, { from: quiet, to: begun }),
      start: latencyIn(writes, start),
      finish: finish && latencyIn(writes, finish),
    },
    walMb,
    size: { before, after: await sizeOf(url) },
    wrongRows: newColumn === null ? null : await wrongRows(url, newColumn),
    notes: notes(writes),
  };
}
