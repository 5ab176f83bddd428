import { describe, expect, it } from 'vitest';
import { booleanFlag, flagDefinitionSchema, flagKeySchema } from './definition.js';

const problems = (value: unknown): string[] => {
  const parsed = flagDefinitionSchema.safeParse(value);
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
};

describe('the definition of a flag', () => {
  it('gets its defaults', () => {
    expect(flagDefinitionSchema.parse({ kind: 'string', variants: { a: 'a' }, defaultVariant: 'a' })).toEqual({
      kind: 'string',
      variants: { a: 'a' },
      defaultVariant: 'a',
      rollout: null,
      rules: [],
      isEnabled: true,
    });
  });

  it('is refused when it speaks of variants that it does not have, or has values of another type', () => {
    expect(
      problems({
        kind: 'boolean',
        variants: { on: true, off: 'no' },
        defaultVariant: 'of',
        rollout: { variant: 'onn', percent: 1 },
        rules: [{ attribute: 'country', equals: 'de', variant: 'x' }],
      }),
    ).toEqual([
      'variants.off: is a string in a boolean flag',
      'defaultVariant: "of" is no variant; the variants are on, off',
      'rollout.variant: "onn" is no variant; the variants are on, off',
      'rules.0.variant: "x" is no variant; the variants are on, off',
    ]);
    // What every object inherits is no variant of anybody.
    expect(problems({ kind: 'string', variants: { a: 'a' }, defaultVariant: 'toString' })).toHaveLength(1);
  });

  it('is refused for a share outside of 0 to 100', () => {
    expect(() => booleanFlag(101)).toThrow('percent');
    expect(() => booleanFlag(-1)).toThrow('percent');
  });
});

describe('the key of a flag', () => {
  it.each(['users.read-new-name', 'a', 'A_b-1.2'])('may be %s', (key) => {
    expect(flagKeySchema.safeParse(key).success).toBe(true);
  });
  it.each(['', '.a', 'a/b', 'a b', 'ä', 'x'.repeat(129)])('may not be "%s"', (key) => {
    expect(flagKeySchema.safeParse(key).success).toBe(false);
  });
});
