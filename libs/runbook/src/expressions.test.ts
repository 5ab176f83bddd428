import { CodedError } from '@switchyard/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate, evaluateCondition, evaluateExpression, type Scope } from './expressions.js';

const scope: Scope = {
  inputs: { env: 'prod', count: 3, ratio: 1.5, list: [1, 2, 3], region: null, map: { a: { b: 1 } } },
  steps: {
    net: {
      outcome: 'successful',
      result: { outputs: { hosts: { value: ['a', 'b'], sensitive: false } } },
      error: null,
    },
    'db-1': { outcome: 'failed', result: null, error: { code: 'MigrationFailed', message: 'no' } },
  },
  run: { id: 'run-1' },
};
const one = (source: string): unknown => evaluateExpression(source, scope, 'step "x"');

describe('evaluate', () => {
  it('keeps the type of a value that is one expression', () => {
    expect(
      evaluate({ hosts: '${{ steps.net.result.outputs.hosts.value }}', n: '${{ inputs.count }}' }, scope, 'x'),
    ).toEqual({
      hosts: ['a', 'b'],
      n: 3,
    });
  });
  it('makes text of an expression within a text: null is empty, maps are JSON', () => {
    expect(evaluate('v${{ inputs.count }}-${{ inputs.region }}-${{ inputs.map }}', scope, 'x')).toBe(
      'v3--{"a":{"b":1}}',
    );
  });
  it('leaves everything else as it is', () => {
    expect(evaluate([1, null, true, { a: 'b' }, '$${{ no }}'], scope, 'x')).toEqual([
      1,
      null,
      true,
      { a: 'b' },
      '${{ no }}',
    ]);
  });
  it('counts with JSON numbers as people expect', () => {
    expect([
      one('inputs.count + 1'),
      one('inputs.count / 2'),
      one('inputs.count % 2'),
      one('2 * inputs.count'),
    ]).toEqual([4, 1.5, 1, 6]);
    expect([one('inputs.count == 3'), one('size(inputs.list) - 1'), one('1 + 2'), one('inputs.list[1]')]).toEqual([
      true,
      2,
      3,
      2,
    ]);
    expect(one('inputs.list.map(x, x * 2)')).toEqual([2, 4, 6]);
  });
  it('gives JSON for times, durations, optionals and map literals', () => {
    expect(one('timestamp("2026-01-02T03:04:05Z")')).toBe('2026-01-02T03:04:05.000Z');
    expect(one('duration("90s")')).toBe('90s');
    expect(one('inputs.?nope')).toBeNull();
    expect(one('{"n": 1, "l": [1, "x"]}')).toEqual({ n: 1, l: [1, 'x'] });
  });
  it('names place, expression and cause of what it cannot evaluate', () => {
    expect(() => one('steps.net.result.outputs.nope.value')).toThrow(
      'step "x": cannot evaluate "steps.net.result.outputs.nope.value": No such key: nope',
    );
    expect(() => one('inputs.count / 0')).toThrow(/divided by zero/);
    expect(() => one('9007199254740993')).toThrow(/too large/);
    expect(() => one('b"x"')).toThrow(/bytes are not JSON/);
    expect(() => one('1 +')).toThrow(CodedError);
    expect(() => one('1 +')).toThrow(expect.objectContaining({ code: 'InvalidInput' }));
  });
  it('says why an output of a stack has no value, and where the value is', () => {
    const outputs = {
      big: { ref: 'sha256:b', sensitive: false, bytes: 3_000_000 },
      'pass-word': { ref: 'sha256:p', sensitive: true },
      small: { value: 1, sensitive: false },
    };
    const within = { ...scope, steps: { net: { outcome: 'successful', result: { outputs }, error: null } } };
    const ask = (source: string): unknown => evaluateExpression(source, within, 'step "x"');
    expect(() => ask('steps.net.result.outputs.small.value + steps.net.result.outputs.big.value')).toThrow(
      /output "big" of step "net" is too large for a result; its value is kept as artifact sha256:b/,
    );
    expect(() => ask('steps["net"].result.outputs["pass-word"].value')).toThrow(
      /"pass-word" of step "net" is sensitive/,
    );
    expect(() => ask('steps.net.result.outputs.toString.value')).toThrow(/No such key: toString/);
    expect(ask('steps.net.result.outputs.big.ref')).toBe('sha256:b');
  });
  it('never reaches what the scope does not own', () => {
    for (const source of [
      'inputs.constructor',
      'inputs.__proto__',
      'steps.net.result.toString',
      'inputs.list.constructor',
    ]) {
      expect(() => one(source)).toThrow(/cannot evaluate/);
    }
  });
  it('gives every JSON value back unchanged', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const given = JSON.parse(JSON.stringify(value)) as unknown;
        expect(evaluate('${{ inputs.v }}', { ...scope, inputs: { v: given } }, 'x')).toEqual(given);
      }),
    );
  });
});

describe('evaluateCondition', () => {
  it('takes CEL, one ${{ }} and plain booleans', () => {
    expect(evaluateCondition("inputs.env == 'prod'", scope, 'w')).toBe(true);
    expect(evaluateCondition("${{ inputs.env != 'prod' }}", scope, 'w')).toBe(false);
    expect(evaluateCondition(`steps["db-1"].error.code == "MigrationFailed"`, scope, 'w')).toBe(true);
    expect(evaluateCondition(false, scope, 'w')).toBe(false);
  });
  it('refuses what is neither true nor false', () => {
    expect(() => evaluateCondition('inputs.count', scope, 'step "x", when')).toThrow(
      /step "x", when: "inputs.count" gives 3/,
    );
  });
});
