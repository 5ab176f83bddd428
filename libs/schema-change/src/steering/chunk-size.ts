/** How large the next chunk is, and what it follows from. Plain JSON: kept with the progress of the backfill. */
export interface ChunkSizer {
  /** Pages or rows of the next chunk. */
  readonly size: number;
  /** Milliseconds per unit of the last chunks, newest last. */
  readonly recent: readonly number[];
  /** Chunks in a row that were as small as they may be and still too slow. */
  readonly pinned: number;
}

/** Options of the controller. */
export interface ChunkSizing {
  /** Milliseconds that a chunk should hold its locks, which is what a writer waits for. Default 25. */
  readonly targetMs: number;
  /** Default 1. */
  readonly smallest: number;
  /** Default 2,000 pages (16 MB). */
  readonly largest: number;
}

export const CHUNK_SIZING: ChunkSizing = { targetMs: 25, smallest: 1, largest: 2_000 };

/** Chunks that are remembered. */
const MEMORY = 10;
/** Growth of one step: a wrong guess upwards is felt by writers, so it is made slowly. */
const GROWTH = 1.5;
/** How many times the target the slow chunks may take. */
const SLOW = 2;
/** A chunk that took this many times the target is no noise: the size falls at once and the memory is void. */
const ALARM = 5;

export const newChunkSizer = (size = 30): ChunkSizer => ({ size, recent: [], pinned: 0 });

/** What one chunk took. `timedOut`: it was cancelled and rolled back. */
export interface ChunkTime {
  readonly units: number;
  readonly ms: number;
  readonly timedOut?: boolean;
}

/**
 * The next size: target / median of the time per unit of the last chunks, growing at most by half, and never so large
 * that the slow ones among them (p90) would take {@link SLOW} times the target. By the slow ones alone a pause that has
 * nothing to do with the size, of a core that somebody else has, would count in full against a small chunk and keep it
 * small for ever. Chunks that found nothing to do count too, so that a stretch of finished rows is crossed fast.
 */
export function sizeNextChunk(
  sizer: ChunkSizer,
  { units, ms, timedOut = false }: ChunkTime,
  sizing: ChunkSizing = CHUNK_SIZING,
): ChunkSizer {
  const within = (size: number): number =>
    Math.min(sizing.largest, Math.max(sizing.smallest, Number.isFinite(size) ? Math.floor(size) : sizing.smallest));
  const pinned = (size: number, slow: boolean): number => (slow && size === sizing.smallest ? sizer.pinned + 1 : 0);
  if (timedOut || ms > ALARM * sizing.targetMs) {
    const size = within(Math.min(sizer.size, units) / 10);
    return { size, recent: [], pinned: pinned(size, true) };
  }
  const recent = [...sizer.recent, Math.max(ms, 0.01) / Math.max(units, 1)].slice(-MEMORY);
  const sorted = recent.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? 1;
  const wanted = Math.min(sizing.targetMs / at(0.5), (SLOW * sizing.targetMs) / at(0.9));
  const size = within(Math.min(wanted, Math.max(sizer.size * GROWTH, sizer.size + 1)));
  return { size, recent, pinned: pinned(size, ms > sizing.targetMs) };
}
