import { expect, it } from 'vitest';
import { latencyIn, type Writes } from './latency.ts';

const writes: Writes = {
  due: Float64Array.from([0, 10, 20, 30]),
  ms: Float64Array.from([1, 100, 3, 7]),
  failures: [
    { due: 10, message: '42703 no such column' },
    { due: 30, message: '42703 no such column' },
  ],
};

it('counts a write in the stretch in which it was due, however late it was answered', () => {
  expect(latencyIn(writes, { from: 0, to: 20 })).toMatchObject({ writes: 2, max: 100, failed: 1 });
  expect(latencyIn(writes, { from: 20, to: 40 })).toMatchObject({
    writes: 2,
    max: 7,
    failures: { '42703 no such column': 1 },
  });
});

it('says that there were none instead of a figure of nothing', () => {
  expect(latencyIn(writes, { from: 40, to: 50 })).toBeNull();
});
