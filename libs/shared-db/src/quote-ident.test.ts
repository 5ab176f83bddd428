import { expect, test } from 'vitest';
import { quoteIdent } from './quote-ident.js';

test('a name is quoted, and quotes in it are doubled', () => {
  expect(quoteIdent('users')).toBe('"users"');
  expect(quoteIdent('a"; drop table b; --')).toBe('"a""; drop table b; --"');
});

test('a qualified name is quoted by its parts', () => {
  expect(quoteIdent('public', 'user.table')).toBe('"public"."user.table"');
});

test.each(['', 'a\0b'])('a name that PostgreSQL cannot have is refused', (name) => {
  expect(() => quoteIdent(name)).toThrow(TypeError);
});
