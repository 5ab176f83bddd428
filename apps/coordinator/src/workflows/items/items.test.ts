import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aggregate, chunkResult, type ItemResult } from './aggregate.js';
import { chunksOf, lanesOf, MAX_CHUNK_ITEMS, MAX_LANE_WIDTH } from './chunks.js';
import { slidingWindow } from './sliding-window.js';

const item = (index: number, outcome: ItemResult['outcome'] = 'successful', result: unknown = null): ItemResult => ({
  index,
  item: index,
  outcome,
  result,
  ...(outcome === 'failed' ? { error: { code: 'UpstreamFailed', message: 'no' } } : {}),
});

describe('slidingWindow', () => {
  it('never has more than its width under way, and works on each item once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(30),
        fc.integer({ min: 1, max: 8 }),
        fc.infiniteStream(fc.nat(3)),
        async (count, width, turns) => {
          const seen: number[] = [];
          let now = 0;
          let most = 0;
          await slidingWindow(
            Array.from({ length: count }, (_, i) => i),
            width,
            async (one) => {
              now += 1;
              most = Math.max(most, now);
              for (let turn = Number(turns.next().value); turn >= 0; turn -= 1) await Promise.resolve();
              seen.push(one);
              now -= 1;
            },
          );
          expect(most).toBeLessThanOrEqual(width);
          expect(most).toBeGreaterThanOrEqual(Math.min(width, count));
          expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
        },
      ),
    );
  });

  it('throws only after everything that it started has ended', async () => {
    const ended: number[] = [];
    const run = slidingWindow([0, 1, 2, 3], 2, async (one) => {
      if (one === 0) throw new Error('cancelled');
      await new Promise((resolve) => setTimeout(resolve, 5));
      ended.push(one);
    });
    await expect(run).rejects.toThrow('cancelled');
    expect(ended).toEqual([1]);
  });
});

describe('chunks and lanes', () => {
  it('hold every item once, in order, and keep to number and size', () => {
    const big = 'x'.repeat(100_000);
    const items = Array.from({ length: 450 }, (_, index) => ({
      index,
      key: String(index),
      item: index < 20 ? big : index,
    }));
    const chunks = chunksOf(items);
    expect(chunks.flat()).toEqual(items);
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBe(MAX_CHUNK_ITEMS);
    expect(Math.max(...chunks.map((chunk) => JSON.stringify(chunk).length))).toBeLessThan(600_000);
    expect(chunksOf([])).toEqual([]);
  });

  it('share the width so that their sum is never more than it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), (width) => {
        const lanes = lanesOf(width);
        expect(lanes.reduce((sum, lane) => sum + lane, 0)).toBe(width);
        expect(Math.max(...lanes)).toBeLessThanOrEqual(MAX_LANE_WIDTH);
        expect(Math.min(...lanes)).toBeGreaterThan(0);
      }),
    );
  });
});

describe('aggregate', () => {
  it('keeps the order of the items and counts outcomes', () => {
    const sums = aggregate({ results: [item(2, 'failed'), item(0), item(1, 'skipped')], isLean: false });
    expect(sums).toMatchObject({ succeeded: 1, failed: 1, skipped: 1, total: 3 });
    expect(sums.items.map((one) => one.index)).toEqual([0, 1, 2]);
  });

  it('leaves out first the results of good items, then good items, and never the counts', () => {
    const results = [
      item(0, 'successful', 'x'.repeat(500)),
      item(1, 'failed', 'why'),
      ...[2, 3, 4, 5].map((i) => item(i)),
    ];
    expect(aggregate({ results, isLean: false }, 600)).toMatchObject({
      trimmed: 'results',
      items: [{ result: null }, { result: 'why' }, {}, {}, {}, {}],
    });
    expect(aggregate({ results, isLean: false }, 200)).toMatchObject({
      trimmed: 'items',
      succeeded: 5,
      items: [{ index: 1, outcome: 'failed' }],
    });
    expect(aggregate({ results: [item(0)], isLean: true })).toMatchObject({ trimmed: 'results' });
  });

  it('lets a chunk tell the outcome of every item, however little room there is', () => {
    const results = [item(0, 'successful', 'x'.repeat(500)), item(1, 'failed', 'y'.repeat(500))];
    expect(chunkResult(results, 10)).toEqual({
      isLean: true,
      items: [
        { index: 0, outcome: 'successful', result: null },
        { index: 1, outcome: 'failed', result: null, error: { code: 'UpstreamFailed', message: 'no' } },
      ],
    });
  });
});
