import { expect, it } from 'vitest';
import { restartDelay } from './restart-delay.js';

it('starts a worker again at once the first time, then waits longer up to ten seconds', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8, 50].map(restartDelay)).toEqual([
    0, 250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000,
  ]);
});
