import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchesOf, coalesce, compareKeys, halves, identityOf, type RowChange } from './coalesce.js';

const SEED = Number(process.env['FAST_CHECK_SEED'] ?? Date.now() % 2 ** 31);

describe('coalesce', () => {
  test('names each key once, both keys of a key change, in one order', () => {
    expect(
      coalesce([
        { kind: 'insert', key: ['10'] },
        { kind: 'update', key: ['9'] },
        { kind: 'update', key: ['11'], oldKey: ['2'] },
        { kind: 'delete', key: ['10'] },
      ]),
    ).toEqual({ truncated: false, keys: [['2'], ['9'], ['10'], ['11']], changes: 4 });
  });

  test('a truncate voids what was before it', () => {
    expect(coalesce([{ kind: 'insert', key: ['1'] }, { kind: 'truncate' }, { kind: 'insert', key: ['2'] }])).toEqual({
      truncated: true,
      keys: [['2']],
      changes: 3,
    });
  });

  test('keys of several columns are told apart', () => {
    expect(
      coalesce([
        { kind: 'insert', key: ['a,b', 'c'] },
        { kind: 'insert', key: ['a', 'b,c'] },
      ]).keys,
    ).toHaveLength(2);
    expect(identityOf(['a', 'b'])).not.toBe(identityOf(['a"', 'b']));
  });
});

describe(`for any changes (seed ${SEED})`, () => {
  const key = fc
    .oneof(fc.bigInt().map(String), fc.string(), fc.constantFrom('9', '10', '9a', '007', '7', '-3'))
    .map((k) => [k]);
  const change = fc.oneof(
    fc.record({ kind: fc.constantFrom<'insert' | 'delete'>('insert', 'delete'), key }),
    fc.record({ kind: fc.constant<'update'>('update'), key, oldKey: key }),
  ) as fc.Arbitrary<RowChange>;

  test('order and repetition make no difference', () => {
    fc.assert(
      fc.property(
        fc.array(change),
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        (changes, random) => {
          const noise = random[Symbol.iterator]();
          const shuffled = [...changes, ...changes]
            .map((one) => ({ one, at: Number(noise.next().value) }))
            .toSorted((a, b) => a.at - b.at)
            .map(({ one }) => one);
          expect(coalesce(shuffled).keys).toEqual(coalesce(changes).keys);
        },
      ),
      { seed: SEED },
    );
  });

  test('the order of keys is one: it has no circles', () => {
    fc.assert(
      fc.property(key, key, key, (a, b, c) => {
        expect(Math.sign(compareKeys(a, b))).toBe(-Math.sign(compareKeys(b, a)) + 0);
        if (compareKeys(a, b) <= 0 && compareKeys(b, c) <= 0) expect(compareKeys(a, c)).toBeLessThanOrEqual(0);
        expect(compareKeys(a, b) === 0).toBe(a[0] === b[0]);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  test('batches and halves hold every key once, in order', () => {
    fc.assert(
      fc.property(fc.array(key, { maxLength: 50 }), fc.integer({ min: 1, max: 9 }), (keys, size) => {
        expect(batchesOf(keys, size).flat()).toEqual(keys);
        expect(batchesOf(keys, size).every((batch) => batch.length > 0 && batch.length <= size)).toBe(true);
        if (keys.length > 1) {
          expect(halves(keys)).toHaveLength(2);
          expect(halves(keys).flat()).toEqual(keys);
        } else expect(halves(keys)).toEqual([]);
      }),
      { seed: SEED },
    );
  });
});
