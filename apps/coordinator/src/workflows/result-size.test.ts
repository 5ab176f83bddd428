import { describe, expect, it } from 'vitest';
import { fitResult } from './result-size.js';

describe('fitResult', () => {
  it('leaves a result that fits as it is, and makes nothing null', () => {
    expect(fitResult({ a: 1 }, 100)).toEqual({ value: { a: 1 }, trimmed: [] });
    expect(fitResult(undefined, 100)).toEqual({ value: null, trimmed: [] });
  });

  it('replaces the largest fields until the rest fits', () => {
    const { value, trimmed } = fitResult(
      { verdict: 'failed', hosts: 'x'.repeat(5_000), tail: 'y'.repeat(1_000) },
      2_000,
    );
    expect(trimmed).toEqual(['hosts']);
    expect(value).toMatchObject({ verdict: 'failed', tail: 'y'.repeat(1_000), hosts: { trimmed: true, chars: 5_002 } });
  });

  it('replaces the whole of a value that has no fields', () => {
    expect(fitResult('x'.repeat(300), 200)).toMatchObject({ value: { trimmed: true }, trimmed: ['the whole result'] });
    expect(fitResult(Array(300).fill('x'), 200).trimmed).toEqual(['the whole result']);
  });
});
