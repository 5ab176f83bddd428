import { newChunkSizer, type ChunkSizer, type Key } from '@switchyard/schema-change';
import { z } from 'zod';

/** Where a backfill stands. Written in the transaction of each chunk: a killed worker's successor goes on from it. */
export interface Checkpoint {
  readonly pass: number;
  /** Next page, or the key after which it goes on; null: the beginning. */
  readonly at: { readonly page: number } | { readonly after: Key | null };
  /** Pages there were when the stream was on already; later rows come by the stream. */
  readonly pages: number;
  /** Storage of the table: another one after VACUUM FULL or CLUSTER, and then page numbers mean nothing. */
  readonly file: string;
  readonly isDone: boolean;
  readonly sizer: ChunkSizer;
  readonly rows: number;
  readonly chunks: number;
  /** Milliseconds of work, of waiting for gauges, and of the longest chunk. */
  readonly workedMs: number;
  readonly throttledMs: number;
  readonly longestMs: number;
}

const schema = z.object({
  pass: z.number(),
  at: z.union([z.object({ page: z.number() }), z.object({ after: z.array(z.string()).nullable() })]),
  pages: z.number(),
  file: z.string(),
  isDone: z.boolean(),
  sizer: z.object({ size: z.number(), recent: z.array(z.number()), pinned: z.number() }),
  rows: z.number(),
  chunks: z.number(),
  workedMs: z.number(),
  throttledMs: z.number(),
  longestMs: z.number(),
});

/** The checkpoint that an earlier attempt left; undefined when there is none, or of another pass. */
export function readCheckpoint(progress: unknown, pass: number): Checkpoint | undefined {
  const read = schema.safeParse(progress);
  return read.success && read.data.pass === pass ? read.data : undefined;
}

const FIRST_PAGES = 30;
const FIRST_ROWS = 500;

/** The beginning of a pass. */
export function newCheckpoint(options: {
  readonly pass: number;
  readonly by: 'pages' | 'keys';
  readonly pages: number;
  readonly file: string;
}): Checkpoint {
  const isByPages = options.by === 'pages';
  return {
    pass: options.pass,
    at: isByPages ? { page: 0 } : { after: null },
    pages: options.pages,
    file: options.file,
    isDone: isByPages && options.pages === 0,
    sizer: newChunkSizer(isByPages ? FIRST_PAGES : FIRST_ROWS),
    rows: 0,
    chunks: 0,
    workedMs: 0,
    throttledMs: 0,
    longestMs: 0,
  };
}
