import { expect, test } from 'vitest';
import { objectNames, quoteLiteral, quoteName, quoteTable, readTableName, showTable } from './identifiers.js';

test('names and values are quoted whatever they hold', () => {
  expect(quoteName('a"B c')).toBe('"a""B c"');
  expect(quoteTable({ schema: 'S', name: 'select' })).toBe('"S"."select"');
  expect(quoteLiteral("it's")).toBe("'it''s'");
  expect(quoteLiteral('a\\b')).toBe(" E'a\\\\b'");
  expect(() => quoteName('')).toThrow('is not an identifier');
  expect(() => quoteName('a\0')).toThrow('is not an identifier');
  expect(() => quoteLiteral('\0')).toThrow('NUL');
});

test.each([
  ['users', 'public', 'users'],
  [' crm.users ', 'crm', 'users'],
  ['"Odd ""S""".T_1', null, null],
  ['"Odd ""S""".t_1$', 'Odd "S"', 't_1$'],
  ['ünï', 'public', 'ünï'],
  ['', null, null],
  ['a.', null, null],
  ['a b', null, null],
  ['1a', null, null],
  ['"a', null, null],
  ['a;drop table b', null, null],
])('%s is read as a table name or refused', (text, schema, name) => {
  const read = readTableName(text);
  expect('table' in read ? read.table : null).toEqual(schema === null ? null : { schema, name });
});

test('a table is shown with quotes only where SQL needs them', () => {
  expect(showTable({ schema: 'public', name: 'users' })).toBe('public.users');
  expect(showTable({ schema: 'public', name: 'Users' })).toBe('public."Users"');
});

test('object names fit everywhere, differ by run and are the same for the same run', () => {
  const long = objectNames(`Change ${'x'.repeat(80)}`, 'run-1');
  expect(long.slot).toMatch(/^[a-z0-9_]{1,63}$/);
  expect(`${long.constraintPrefix}00_abcdefgh`.length).toBeLessThanOrEqual(63);
  expect(objectNames('a', 'run-1')).toEqual(objectNames('a', 'run-1'));
  expect(objectNames('a', 'run-1').slot).not.toBe(objectNames('a', 'run-2').slot);
});
