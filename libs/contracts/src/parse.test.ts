import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { durationMs, durationSchema, formatDuration } from './duration.js';
import { CodedError, FAILURES, isFailureCode } from './failures.js';
import { nearestName } from './nearest.js';
import { formatProblems, parse, parseOrThrow } from './parse.js';
import { replaceSecretRefs, secretNamesIn } from './secret-ref.js';

const problemsOf = (schema: z.ZodType, value: unknown): string => {
  const result = parse(schema, value);
  return result.ok ? '' : formatProblems(result.problems);
};

describe('a value from outside', () => {
  const schema = z.strictObject({
    playbook: z.string(),
    inventory: z
      .union([z.string(), z.strictObject({ groups: z.record(z.string(), z.strictObject({ hosts: z.string() })) })])
      .optional(),
    steps: z.array(z.strictObject({ id: z.string(), uses: z.enum(['ansible', 'terraform']) })).default([]),
  });

  it.each([
    [{ playbok: 'x', playbook: 'y' }, 'playbok: unknown field "playbok"; did you mean "playbook"?'],
    [{ playbook: 1 }, 'playbook: must be string, got number 1'],
    [null, 'must be object, got null'],
    [{}, 'playbook: is required (string)'],
    [
      { playbook: 'x', steps: [{ id: 'a', uses: 'ansibl' }] },
      'steps[0].uses: must be one of "ansible", "terraform", got "ansibl"',
    ],
    [
      { playbook: 'x', steps: [{ id: 'a', uses: 'ansible', neds: 1 }] },
      'steps[0].neds: unknown field "neds"; known fields: id, uses',
    ],
    [
      { playbook: 'x', inventory: { groups: { web: { host: 'a' } } } },
      'inventory.groups.web.host: unknown field "host"; did you mean "hosts"?',
    ],
    [
      { playbook: 'x', inventory: { groups: { 'odd name': 3 } } },
      'inventory.groups["odd name"]: must be object, got number 3',
    ],
  ])('that is wrong (%j) is told with place and way out', (value, message) => {
    expect(problemsOf(schema, value)).toContain(message);
  });

  it('that is wrong in several places is told all of them at once', () => {
    expect(problemsOf(schema, { plybook: 1, steps: 3 })).toMatch(
      /playbook: is required.*steps: must be array, got number 3.*did you mean "playbook"/,
    );
  });

  it('never repeats a long value whole', () => {
    expect(problemsOf(z.enum(['a']), 'x'.repeat(5_000)).length).toBeLessThan(200);
  });

  it('becomes InvalidInput with the problems in the details', () => {
    const error: unknown = (() => {
      try {
        return parseOrThrow(schema, {}, 'the input');
      } catch (caught) {
        return caught;
      }
    })();
    expect(error).toBeInstanceOf(CodedError);
    expect(error).toMatchObject({
      code: 'InvalidInput',
      retryable: false,
      message: 'the input: playbook: is required (string)',
      details: { problems: [{ path: 'playbook' }] },
    });
  });
});

describe('a duration', () => {
  it.each([
    ['15m', 900_000],
    ['1h30m', 5_400_000],
    ['500ms', 500],
    ['1.5s', 1_500],
    ['7d', 604_800_000],
  ])('%s is %d milliseconds', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
    expect(durationSchema.parse(text)).toBe(ms);
  });

  it.each(['', '15', 'm', '15 m', '-3s', '15x', 'NaN', '1h 2'])('"%s" is refused with an example', (text) => {
    expect(problemsOf(durationSchema, text)).toContain('write for example 30s, 15m or 1h30m');
  });

  it('is read by people in the largest unit that fits', () => {
    expect([850, 12_340, 245_000, 7_380_000].map(formatDuration)).toEqual([
      '850 ms',
      '12.3 s',
      '4 min 05 s',
      '2 h 03 min',
    ]);
  });
});

describe('the nearest known name', () => {
  it.each([
    ['playbok', 'playbook'],
    ['plabyook', 'playbook'],
    ['batch_size', 'batchSize'],
    ['INVENTORY', 'inventory'],
  ])('of %s is %s', (typed, known) => {
    expect(nearestName(typed, ['playbook', 'batchSize', 'inventory'])).toBe(known);
  });

  it('is none when nothing is near, and always one of the known', () => {
    expect(nearestName('xyz', ['playbook'])).toBeUndefined();
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string(), { maxLength: 5 }), (name, known) =>
        [undefined, ...known].includes(nearestName(name, known)),
      ),
    );
  });
});

describe('secret references', () => {
  it('are found and replaced wherever they stand, and nothing else is touched', () => {
    const value = {
      a: { $secret: 'one' },
      list: [1, { $secret: 'two' }],
      other: { $secret: 'x', more: 1 },
      none: null,
    };
    expect(secretNamesIn(value)).toEqual(['one', 'two']);
    expect(replaceSecretRefs(value, (name) => name.toUpperCase())).toEqual({
      a: 'ONE',
      list: [1, 'TWO'],
      other: { $secret: 'x', more: 1 },
      none: null,
    });
  });
});

describe('the registry of failure codes', () => {
  it('gives every code a meaning and a way out in whole sentences', () => {
    for (const info of Object.values(FAILURES)) {
      expect(info.meaning).toMatch(/\.$/);
      expect(info.wayOut).toMatch(/\.$/);
    }
    expect(isFailureCode('InvalidInput')).toBe(true);
    expect(isFailureCode('toString')).toBe(false);
  });
});
