import { expect, it } from 'vitest';
import { formatBytes, formatCount, progressBar } from './figures.js';

it('shows bytes with three figures at most', () => {
  expect([0, 920, 1_500, 9_960, 240_000_000_000, 999_600].map(formatBytes)).toEqual([
    '0 B',
    '920 B',
    '1.5 kB',
    '10 kB',
    '240 GB',
    '1.0 MB',
  ]);
  expect(formatCount(1_250_000.4)).toBe('1,250,000');
});

it('draws a bar that is full only at its end, whatever it is given', () => {
  expect(progressBar(50, 4)).toBe('██░░');
  expect(progressBar(-5, 4)).toBe('░░░░');
  expect(progressBar(120, 4)).toBe('████');
});
