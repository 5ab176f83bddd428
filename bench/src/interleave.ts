import type { Pair } from './statistics.ts';

/** The two sides of a pair. Each measures itself and gives milliseconds. */
export interface Sides {
  readonly ours: (index: number) => Promise<number>;
  readonly bare: (index: number) => Promise<number>;
}

/**
 * Measures pairs one after the other. The order changes from pair to pair, so that neither side always meets the warm
 * caches of the other. Pairs with a negative index warm up and are left out.
 */
export async function interleave(sides: Sides, options: { pairs: number; warmUp: number }): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let index = -options.warmUp; index < options.pairs; index++) {
    const order = index % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const);
    const measured = { ours: 0, bare: 0 };
    // One thing at a time is measured.
    // oxlint-disable-next-line no-await-in-loop
    for (const side of order) measured[side] = await sides[side](index);
    if (index >= 0) pairs.push(measured);
  }
  return pairs;
}
