import type { ChangeSession } from '@switchyard/change-database';
import { nextKey, sizeNextChunk, newChunkSizer, type Key, type KeyRange, type Shape } from '@switchyard/schema-change';
import { z } from 'zod';

/** A range of keys, and how to say what it took, so that the next one takes about as long as it should. */
export interface SizedRange {
  readonly range: KeyRange;
  readonly took: (ms: number) => void;
}

const TARGET_MS = 400;
const FIRST_ROWS = 20_000;
const LARGEST_ROWS = 500_000;

/**
 * Every key from beginning to end, in ranges without a gap: the last one has no end, so that rows that come meanwhile
 * are in it. The ranges cover both tables, also keys that only one of them has.
 */
export async function* rangesOf(session: ChangeSession, shape: Shape): AsyncGenerator<SizedRange, void> {
  let sizer = newChunkSizer(FIRST_ROWS);
  let after: Key | null = null;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- ranges follow each other
    const [end]: { key: string[] }[] = await session.rows(
      z.object({ key: z.array(z.string()) }),
      nextKey(shape, { after, size: sizer.size }),
    );
    const upTo: Key | null = end?.key ?? null;
    const { size } = sizer;
    yield {
      range: { after, upTo },
      took: (ms) => {
        sizer = sizeNextChunk(
          sizer,
          { units: size, ms },
          { targetMs: TARGET_MS, smallest: 1_000, largest: LARGEST_ROWS },
        );
      },
    };
    if (upTo === null) return;
    after = upTo;
  }
}
