import { describe, expect, it, test } from 'vitest';
import { fieldProblems, misfit, typedFieldSchema } from './typed-field.js';

const field = (declared: Record<string, unknown>) => typedFieldSchema.parse(declared);

describe('min and max', () => {
  test.each([
    [{ type: 'integer', min: 1, max: 5 }, [1, 5], [0, 'must be at least 1, got 0']],
    [{ type: 'number', max: 0.5 }, [0.5, -3], [0.75, 'must be at most 0.5, got 0.75']],
    [{ type: 'string', min: 2, max: 3 }, ['ab', '👩👩👩'], ['a', 'must be at least 2 characters, got 1']],
    [{ type: 'array', max: 1 }, [[], [1]], [[1, 2], 'must be at most 1 items, got 2']],
  ] as const)('of %j are kept', (declared, good, [bad, message]) => {
    expect(good.map((value) => misfit(field(declared), value))).toEqual(good.map(() => undefined));
    expect(misfit(field(declared), bad)).toBe(message);
  });
});

describe('a secret field', () => {
  const secret = field({ type: 'string', secret: true });

  it('takes the name of a secret', () => {
    expect(misfit(secret, { $secret: 'deploy-token' })).toBeUndefined();
  });

  test.each(['hunter2', 17, ['hunter2'], { $secret: 'a', value: 'hunter2' }, { value: 'hunter2' }, null])(
    'refuses %j without showing it',
    (value) => {
      expect(misfit(secret, value)).toBe('must name a secret: {"$secret": "name"}; what was given is not shown');
    },
  );

  it('has no default that is the secret itself, and the problem does not show it', () => {
    expect(fieldProblems({ ...secret, default: 'hunter2' })).toEqual([
      { keys: ['default'], message: 'must name a secret: {"$secret": "name"}; what was given is not shown' },
    ]);
    expect(fieldProblems({ ...secret, default: { $secret: 'deploy-token' } })).toEqual([]);
  });
});

describe('a declaration is refused', () => {
  test.each([
    [{ type: 'object', secret: true }, ['secret'], /needs type "string", not "object"/],
    [{ type: 'string', secret: true, pattern: 'x' }, ['pattern'], /cannot be checked for a secret/],
    [{ type: 'boolean', min: 1 }, ['min'], /not for type "boolean"/],
    [{ type: 'object', max: 1 }, ['max'], /not for type "object"/],
    [{ type: 'integer', min: 3, max: 2 }, ['min'], /greater than `max`/],
    [{ type: 'integer', max: 2, default: 3 }, ['default'], /must be at most 2, got 3/],
    [{ type: 'string', min: 3, enum: ['abc', 'ab'] }, ['enum', 1], /must be at least 3 characters/],
  ] as const)('when it contradicts itself: %j', (declared, keys, message) => {
    expect(fieldProblems(field(declared))).toEqual([{ keys, message: expect.stringMatching(message) as string }]);
  });
});
