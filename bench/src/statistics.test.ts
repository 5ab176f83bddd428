import { describe, expect, it } from 'vitest';
import { median, quantile, summarize, summarizePairs } from './statistics.ts';

describe('median', () => {
  it('is the middle value, or the middle of the two middle ones', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
  });

  it('does not sort the series of the caller, and sorts by value', () => {
    const series = [100, 20, 3];
    expect(median(series)).toBe(20);
    expect(series).toEqual([100, 20, 3]);
  });

  it('refuses a series without values', () => {
    expect(() => median([])).toThrow('no quantile');
  });
});

describe('quantile', () => {
  it('lies between its neighbours in proportion', () => {
    expect(quantile([0, 10], 0.9)).toBeCloseTo(9);
    expect(quantile([1, 2, 3, 4, 5], 0.25)).toBe(2);
    expect(quantile([1, 2, 3], 0)).toBe(1);
    expect(quantile([1, 2, 3], 1)).toBe(3);
  });
});

describe('summarize', () => {
  it('rounds to a tenth', () => {
    expect(summarize([1.04, 2.26, 3])).toEqual({ n: 3, min: 1, median: 2.3, p90: 2.9, max: 3 });
  });
});

describe('summarizePairs', () => {
  it('takes the difference within each pair, so that a load that both met cancels out', () => {
    const pairs = [
      { ours: 110, bare: 100 },
      { ours: 1_015, bare: 1_000 },
      { ours: 220, bare: 200 },
    ];
    const { ours, bare, difference } = summarizePairs(pairs);
    expect(difference.median).toBe(15);
    // The medians of the two sides come from different pairs and say less.
    expect(ours.median - bare.median).toBe(20);
  });

  it('keeps a negative difference', () => {
    expect(summarizePairs([{ ours: 5, bare: 8 }]).difference.median).toBe(-3);
  });
});
