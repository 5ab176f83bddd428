import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { Secret } from './secret.js';

const secret = new Secret('s3cret-value');

// Templates are what is tested here, against the rule that forbids objects in them.
// oxlint-disable restrict-template-expressions
test.each<[string, () => string]>([
  ['a template', () => `${secret}`],
  ['String()', () => String(secret)],
  ['a concatenation', () => 'password: ' + secret],
  ['JSON', () => JSON.stringify({ secret })],
  ['inspect', () => inspect({ secret }, { depth: 9, showHidden: true })],
  ['its own keys', () => JSON.stringify(Object.entries(secret))],
  ['a structured clone', () => inspect(structuredClone(secret), { showHidden: true })],
  ['an error that names it', () => inspect(new Error(`cannot use ${secret}`, { cause: secret }))],
])('a secret is not shown by %s', (_way, show) => {
  expect(show()).not.toContain('s3cret-value');
});

test('a secret gives its value to whoever asks for it by name', () => {
  expect(secret.reveal()).toBe('s3cret-value');
  expect(`${secret}`).toBe('[redacted]');
});
