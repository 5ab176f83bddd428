import { expect, it } from 'vitest';
import { breakdown } from './history.ts';

it('gives the median of each part, and numbers activities of one type', () => {
  const run = (scale: number) => ({
    firstTaskMs: scale,
    closedMs: 100 * scale,
    activities: [
      { type: 'a', scheduledMs: 10 * scale, startedMs: 12 * scale, completedMs: 20 * scale },
      { type: 'a', scheduledMs: 30 * scale, startedMs: 35 * scale, completedMs: 50 * scale },
    ],
  });
  expect(breakdown([run(1), run(3), run(2)])).toMatchObject({
    'until the first workflow task': 2,
    'until closed': 200,
    'a 1: until a worker took it': 4,
    'a 1: worked': 16,
    'a 2: until a worker took it': 10,
    'a 2: completed before the end': 100,
  });
});
