import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { canonicalJson, digestOf } from './digest.js';

it('gives equal values equal digests, whatever the order of their keys', () => {
  expect(canonicalJson({ b: [1, { d: 1, c: undefined }], a: 'ü' })).toBe('{"a":"ü","b":[1,{"d":1}]}');
  expect(digestOf({ a: 1, b: 2 })).toBe(digestOf({ b: 2, a: 1 }));
});

it('is the SHA-256 that every other tool computes', () => {
  const value = { text: 'Grüße', list: [1, 2.5, null, true] };
  expect(digestOf(value)).toBe(`sha256:${createHash('sha256').update(canonicalJson(value)).digest('hex')}`);
});
