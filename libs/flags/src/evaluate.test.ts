import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketOf } from './bucket.js';
import { booleanFlag, flagDefinitionSchema } from './definition.js';
import { evaluateFlag } from './evaluate.js';
import { writeFlag } from './write-flag.js';

/** Computed by Python's hashlib: int.from_bytes(sha256(b'flag\\0key').digest()[:4], 'big') * 100 / 2**32 */
const BUCKETS = { ada: 89.07071452122182, 日本: 93.52214643731713 };

const isOn = (percent: number, targetingKey: string, key = 'f'): boolean => {
  const evaluation = evaluateFlag(key, booleanFlag(percent), { targetingKey });
  return evaluation.isResolved && evaluation.value === true;
};

describe('the bucket of a targeting key', () => {
  it('is the one that any other implementation computes', () => {
    for (const [key, bucket] of Object.entries(BUCKETS)) {
      expect(bucketOf('users.read-new-name', key)).toBeCloseTo(bucket, 9);
    }
  });

  it('lies from 0 up to 100 and never moves', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ unit: 'grapheme' }), (flag, key) => {
        const bucket = bucketOf(flag, key);
        expect(bucket).toBeGreaterThanOrEqual(0);
        expect(bucket).toBeLessThan(100);
        expect(bucketOf(flag, key)).toBe(bucket);
      }),
    );
  });

  it('spreads keys evenly, and differently for each flag', () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => `user-${i}`);
    for (const percent of [1, 10, 50]) {
      const share = keys.filter((key) => isOn(percent, key)).length / keys.length;
      // Five standard deviations of a fair draw.
      const tolerance = 5 * Math.sqrt(((percent / 100) * (1 - percent / 100)) / keys.length);
      expect(Math.abs(share - percent / 100)).toBeLessThan(tolerance);
    }
    const inBoth = keys.filter((key) => isOn(50, key, 'one') && isOn(50, key, 'other')).length / keys.length;
    expect(Math.abs(inBoth - 0.25)).toBeLessThan(0.02);
  });
});

describe('evaluateFlag', () => {
  it('keeps everybody in who was in when the share grows', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.double({ min: 0, max: 100, noNaN: true }),
        fc.double({ min: 0, max: 100, noNaN: true }),
        (key, one, other) => {
          const [less, more] = one < other ? [one, other] : [other, one];
          return !isOn(less, key) || isOn(more, key);
        },
      ),
    );
    expect(isOn(100, 'anybody')).toBe(true);
  });

  it('gives nobody the variant at 0, everybody at 100, and asks for no targeting key there', () => {
    expect(evaluateFlag('f', booleanFlag(0), {})).toMatchObject({ value: false, variant: 'off', reason: 'STATIC' });
    expect(evaluateFlag('f', booleanFlag(100), {})).toMatchObject({ value: true, variant: 'on', reason: 'STATIC' });
  });

  it('needs a targeting key that is a string where it draws', () => {
    for (const context of [{}, { targetingKey: '' }, { targetingKey: null }]) {
      expect(evaluateFlag('f', booleanFlag(10), context)).toMatchObject({ errorCode: 'TARGETING_KEY_MISSING' });
    }
    expect(evaluateFlag('f', booleanFlag(10), { targetingKey: 7 })).toMatchObject({ errorCode: 'INVALID_CONTEXT' });
    expect(evaluateFlag('f', booleanFlag(10), { targetingKey: 'a' })).toMatchObject({ reason: 'SPLIT' });
  });

  it('gives one word to everybody, under one of two names', () => {
    for (const variant of ['both', 'both-prefer-new'] as const) {
      expect(evaluateFlag('w', writeFlag(variant), {})).toEqual({
        isResolved: true,
        value: 'both',
        variant,
        reason: 'STATIC',
      });
    }
  });

  it('asks the rules in their order, before the share, and says when none of them fits', () => {
    const flag = flagDefinitionSchema.parse({
      ...booleanFlag(0),
      rules: [
        { attribute: 'plan', equals: 'trial', variant: 'off' },
        { attribute: 'country', in: ['de', 'at'], variant: 'on' },
      ],
    });
    const ask = (context: Record<string, unknown>) => evaluateFlag('f', flag, context);
    expect(ask({ plan: 'trial', country: 'de' })).toMatchObject({ value: false, reason: 'TARGETING_MATCH' });
    expect(ask({ country: 'at' })).toMatchObject({ value: true, reason: 'TARGETING_MATCH' });
    expect(ask({ country: 'fr' })).toMatchObject({ value: false, reason: 'DEFAULT' });
    // An attribute is what the caller sent, not what every object has.
    const inherited = flagDefinitionSchema.parse({
      ...booleanFlag(0),
      rules: [{ attribute: 'constructor', in: ['Object'], variant: 'on' }],
    });
    expect(evaluateFlag('f', inherited, {})).toMatchObject({ value: false });
  });

  it('gives the default variant of a flag that is switched off, whatever else it says', () => {
    const flag = flagDefinitionSchema.parse({
      ...booleanFlag(100),
      rules: [{ attribute: 'country', equals: 'de', variant: 'on' }],
      isEnabled: false,
    });
    expect(evaluateFlag('f', flag, { country: 'de' })).toMatchObject({ value: false, reason: 'DISABLED' });
  });
});
