import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatLsn, parseLsn } from './lsn.js';

/** Printed by a failure; set it in the environment to run the same cases again. */
const seed = Number(process.env['FAST_CHECK_SEED'] ?? Date.now() % 2 ** 31);

test('a position is the same after it was written and read', () => {
  const positions = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  fc.assert(
    fc.property(positions, (lsn) => {
      expect(parseLsn(formatLsn(lsn))).toBe(lsn);
    }),
    { seed },
  );
});

test('positions compare as numbers, which their texts do not', () => {
  expect(parseLsn('9/0') < parseLsn('10/0')).toBe(true);
  expect(parseLsn('0/9') < parseLsn('0/A0')).toBe(true);
  expect(parseLsn('16/b374d848')).toBe(0x16b374d848n);
  expect(formatLsn(0x16b374d848n)).toBe('16/B374D848');
  expect(formatLsn(0n)).toBe('0/0');
});

test.each(['', '0', '0/', '/0', '0/0/0', 'G/0', '123456789/0', ' 0/0'])('"%s" is no position', (text) => {
  expect(() => parseLsn(text)).toThrow('is not a position in the log');
});
