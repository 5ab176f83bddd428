import { metricConditionSchema } from '@switchyard/contracts';
import { describe, expect, it } from 'vitest';
import { metricVerdict, shownCondition } from './metric-verdict.js';

const condition = (bounds: object) => metricConditionSchema.parse({ query: 'q', ...bounds });
const sample = (value: number, labels: Record<string, string> = {}) => ({ labels, value });

describe('metricVerdict', () => {
  it.each([
    [{ above: 80 }, 80, false],
    [{ above: 80 }, 80.1, true],
    [{ min: 80 }, 80, true],
    [{ below: 5 }, 5, false],
    [{ max: 5 }, 5, true],
    [{ min: 1, below: 3 }, 2, true],
    [{ min: 1, below: 3 }, 3, false],
    [{ equals: 0 }, 0, true],
    [{ equals: 0 }, 1, false],
    [{}, 7, true],
    [{}, Number.NaN, false],
    [{ above: 5 }, Number.POSITIVE_INFINITY, true],
    [{ below: 5 }, Number.POSITIVE_INFINITY, false],
  ])('%j of %d: %j', (bounds, value, well) => {
    expect(metricVerdict([sample(value)], condition(bounds)).fault === undefined).toBe(well);
  });

  it('must hold for every series, and names the one that breaks it', () => {
    const samples = [sample(10, { __name__: 'cpu', instance: 'a' }), sample(97, { __name__: 'cpu', instance: 'b' })];
    expect(metricVerdict(samples, condition({ below: 95 }))).toEqual({
      fault: 'cpu{instance="b"} 97',
      value: 97,
      observed: 'cpu{instance="b"} 97',
    });
    expect(metricVerdict(samples, condition({ below: 99 }))).toMatchObject({ fault: undefined, value: 97 });
  });

  it('takes a metric that is gone for no proof, unless told otherwise', () => {
    expect(metricVerdict([], condition({ below: 1 }))).toEqual({
      fault: 'no series',
      value: null,
      observed: 'no series',
    });
    expect(metricVerdict([], condition({ below: 1, absent: 'pass' })).fault).toBeUndefined();
  });

  it('gives no number that JSON cannot carry', () => {
    expect(metricVerdict([sample(Number.POSITIVE_INFINITY)], condition({ above: 1 })).value).toBeNull();
  });
});

it('a condition is shown as people write it', () => {
  expect(shownCondition(condition({ above: 80, max: 95 }))).toBe('> 80 and <= 95');
  expect(shownCondition(condition({}))).toBe('any value');
});
