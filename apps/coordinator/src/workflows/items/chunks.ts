import type { StepItem } from '@switchyard/runbook';

/** Items that a run works on itself; more go to child workflows, so that its own history stays small. */
export const MAX_INLINE_ITEMS = 50;
/** Items of one child workflow. */
export const MAX_CHUNK_ITEMS = 200;
/** Characters of JSON of the items of one child workflow: its input must stay far below the payload limit. */
const MAX_CHUNK_CHARS = 512 * 1024;
/** Items that one child workflow works on at once. */
export const MAX_LANE_WIDTH = 100;

/** Cuts items into chunks by number and size, in order. */
export function chunksOf(items: readonly StepItem[]): readonly (readonly StepItem[])[] {
  const chunks: StepItem[][] = [];
  let current: StepItem[] = [];
  let chars = 0;
  for (const item of items) {
    const size = JSON.stringify(item).length;
    if (current.length > 0 && (current.length >= MAX_CHUNK_ITEMS || chars + size > MAX_CHUNK_CHARS)) {
      chunks.push(current);
      current = [];
      chars = 0;
    }
    current.push(item);
    chars += size;
  }
  return current.length > 0 ? [...chunks, current] : chunks;
}

/** Splits a width over as many lanes as it needs: their sum is the width, so it is never exceeded. */
export function lanesOf(maxParallel: number): readonly number[] {
  const count = Math.ceil(maxParallel / MAX_LANE_WIDTH);
  return Array.from({ length: count }, (_, i) => Math.floor(maxParallel / count) + (i < maxParallel % count ? 1 : 0));
}
