import { describe, expect, test } from 'vitest';
import { UNCHANGED, type Relation } from '../decode/messages.js';
import { keyReader } from './key-reader.js';

const relation = (...columns: readonly (readonly [name: string, isKey: boolean])[]): Relation => ({
  id: 1,
  schema: 'public',
  name: 't',
  identity: 'default',
  columns: columns.map(([name, isKey]) => ({ name, isKey, typeOid: 25, typeModifier: -1 })),
});
const TABLE = relation(['a', true], ['b', false], ['c', true]);
const keyOf = keyReader(['c', 'a']);

describe('the key of a change', () => {
  test('has the columns in the order in which they are named', () => {
    expect(keyOf({ kind: 'insert', relation: TABLE, row: ['1', null, '3'] })).toEqual({ key: ['3', '1'] });
    expect(keyOf({ kind: 'delete', relation: TABLE, oldKey: ['1', null, '3'], oldRow: null })).toEqual({
      key: ['3', '1'],
    });
  });

  test('has an old one only when it changed', () => {
    const update = { kind: 'update', relation: TABLE, row: ['1', 'x', '4'], oldRow: null } as const;
    expect(keyOf({ ...update, oldKey: null })).toEqual({ key: ['4', '1'] });
    expect(keyOf({ ...update, oldKey: ['1', null, '4'] })).toEqual({ key: ['4', '1'] });
    expect(keyOf({ ...update, oldKey: ['1', null, '3'] })).toEqual({ key: ['4', '1'], oldKey: ['3', '1'] });
    expect(keyOf({ ...update, oldKey: null, oldRow: ['9', 'x', '4'] })).toEqual({
      key: ['4', '1'],
      oldKey: ['4', '9'],
    });
  });

  test('takes what was left out of the new row from the old one', () => {
    const update = { kind: 'update', relation: TABLE, row: [UNCHANGED, 'x', '4'], oldRow: null } as const;
    expect(keyOf({ ...update, oldKey: ['long', null, '3'] })).toEqual({ key: ['4', 'long'], oldKey: ['3', 'long'] });
    expect(() => keyOf({ ...update, oldKey: null })).toThrow('not part of the replica identity');
  });

  test('is found again after a table has changed', () => {
    const changed = relation(['c', true], ['a', true]);
    expect(keyOf({ kind: 'insert', relation: changed, row: ['3', '1'] })).toEqual({ key: ['3', '1'] });
    expect(keyOf({ kind: 'insert', relation: TABLE, row: ['1', null, '3'] })).toEqual({ key: ['3', '1'] });
  });

  test('is refused with the way out when the changes do not say it', () => {
    const insert = { kind: 'insert', relation: TABLE, row: ['1', null, '3'] } as const;
    expect(() => keyReader(['missing'])(insert)).toThrow('the publication does not send it');
    expect(() => keyReader(['b'])(insert)).toThrow('it is NULL');
    const removed = { kind: 'delete', relation: TABLE, oldKey: ['1', null, '3'], oldRow: null } as const;
    expect(() => keyReader(['b'])(removed)).toThrow('The changes of public.t do not say the key column b');
  });
});
