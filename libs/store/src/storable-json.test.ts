import { describe, expect, test } from 'vitest';
import { storableJson } from './storable-json.js';

describe('storableJson', () => {
  test.each([
    ['plain values', { a: [1, 'x', null, true] }],
    ['a text that only looks like an escape', { path: 'C:\\u0000\\ud800' }],
    ['a whole surrogate pair', { smile: '\u{1F600}' }],
  ])('keeps %s', (_, value) => {
    expect(JSON.parse(storableJson(value))).toEqual(value);
  });

  test('replaces NUL and half surrogates in values and keys, however deep', () => {
    const value = { 'k\0': [{ a: '\0x', b: '\uDC00', c: null, d: 1 }] };
    expect(JSON.parse(storableJson(value))).toEqual({ 'k\uFFFD': [{ a: '\uFFFDx', b: '\uFFFD', c: null, d: 1 }] });
  });
});
