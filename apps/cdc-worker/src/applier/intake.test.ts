import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SourceEvent } from '../source/change-source.js';
import { Intake } from './intake.js';

const begin = (xid: string, committedAt = Number(xid)): SourceEvent => ({ kind: 'begin', xid, committedAt });
const change = (...key: string[]): SourceEvent => ({ kind: 'change', key });
const commit = (position: string): SourceEvent => ({ kind: 'commit', position });

describe('what is taken in', () => {
  test('is each key once, in order, with the transactions and the position behind it', () => {
    const intake = new Intake();
    intake.add([begin('7'), change('10'), change('9'), commit('0/1')]);
    intake.add([begin('8'), { kind: 'change', key: ['9'], oldKey: ['3'] }, commit('0/2')]);
    expect(intake.take()).toEqual({
      keys: [['3'], ['9'], ['10']],
      truncated: [],
      xids: ['7', '8'],
      position: '0/2',
      oldestCommit: 7,
      changes: 3,
    });
    expect(intake.isEmpty).toBe(true);
  });

  test('has no position while a transaction is not through, and keeps its number for the keys to come', () => {
    const intake = new Intake();
    intake.add([begin('7'), change('1')]);
    expect(intake.take()).toMatchObject({ keys: [['1']], xids: ['7'], position: null });
    intake.add([change('2'), commit('0/9')]);
    expect(intake.take()).toMatchObject({ keys: [['2']], xids: ['7'], position: '0/9', oldestCommit: 7 });
    expect(intake.take()).toMatchObject({ keys: [], xids: [], oldestCommit: null });
  });

  test('an emptied old table voids the keys before it and not those after it; an emptied new one voids none', () => {
    const intake = new Intake();
    intake.add([begin('1'), change('1'), { kind: 'truncate', table: 'source' }, change('2'), commit('0/1')]);
    expect(intake.take()).toMatchObject({ keys: [['2']], truncated: ['source'], changes: 3 });
    intake.add([begin('2'), change('1'), { kind: 'truncate', table: 'target' }, change('2'), commit('0/2')]);
    expect(intake.take()).toMatchObject({ keys: [['1'], ['2']], truncated: ['target'] });
  });

  test('a barrier is a transaction without keys: its position alone is to be stored', () => {
    const intake = new Intake();
    intake.add([begin('1'), commit('0/5')]);
    expect(intake.isEmpty).toBe(false);
    expect(intake.take()).toMatchObject({ keys: [], position: '0/5' });
    intake.add([{ kind: 'idle', position: '0/6' }]);
    expect(intake.take()).toMatchObject({ keys: [], xids: [], position: '0/6' });
  });

  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  test(`shuffled, repeated and late changes give the same keys (seed ${seed})`, () => {
    const keys = fc.array(fc.integer({ min: 0, max: 50 }).map(String), { maxLength: 200 });
    fc.assert(
      fc.property(keys, fc.array(fc.nat()), (given, order) => {
        const plain = new Intake();
        plain.add(given.map((key) => change(key)));
        const shuffled = new Intake();
        const mixed = given
          .map((key, i) => ({ key, at: order[i % Math.max(1, order.length)] ?? 0 }))
          .toSorted((a, b) => a.at - b.at);
        shuffled.add([...mixed, ...mixed].map(({ key }) => change(key)));
        expect(shuffled.take().keys).toEqual(plain.take().keys);
      }),
      { seed },
    );
  });
});
