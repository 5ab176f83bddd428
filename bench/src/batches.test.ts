import { describe, expect, it } from 'vitest';
import { batchingsFor, inParallel, slicesOf } from './batches.ts';

describe('batchings', () => {
  it('always hold the one process with all hosts, and smaller batches where there are enough hosts', () => {
    expect(batchingsFor(1_000)).toEqual([
      { size: 50, parallel: 2 },
      { size: 250, parallel: 2 },
      { size: 1_000, parallel: 1 },
    ]);
    expect(batchingsFor(4)).toEqual([{ size: 4, parallel: 1 }]);
  });

  it('cut all hosts in order, the last slice the rest', () => {
    expect(slicesOf([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  });
});

describe('work in parallel', () => {
  it('never does more at once than it may, and all of it', async () => {
    let now = 0;
    let most = 0;
    const done: number[] = [];
    await inParallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      done.push(item);
      now -= 1;
    });
    expect(most).toBe(3);
    expect(done.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('ends at the first failure, without beginning anything new', async () => {
    const begun: number[] = [];
    const work = inParallel([1, 2, 3, 4], 1, (item) => {
      begun.push(item);
      return item === 2 ? Promise.reject(new Error('two')) : Promise.resolve();
    });
    await expect(work).rejects.toThrow('two');
    expect(begun).toEqual([1, 2]);
  });
});
