import { describe, expect, it } from 'vitest';
import { fromChangesets, proposalOf } from './proposal.js';

const change = (statement: string) =>
  fromChangesets([{ file: 'a.yaml', id: '1', author: 'ann', statements: [statement] }]);

describe('proposalOf', () => {
  it('binds to the statements, not only to their names', () => {
    const one = proposalOf(change('create table a (id int)'));
    expect(one.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(proposalOf(change('create table a (id int)')).digest).toBe(one.digest);
    expect(proposalOf(change('create table b (id int)')).digest).not.toBe(one.digest);
  });

  it('shows identity and statements on single lines, and says how much it left out', () => {
    expect(proposalOf(change('create table a\n  (id int)')).shown).toEqual([
      'a.yaml::1::ann:',
      '  create table a (id int)',
    ]);
    const many = proposalOf(
      Array.from({ length: 50 }, (_, i) => ({ id: String(i), identity: String(i), statements: [] })),
    );
    expect(many.shown).toHaveLength(41);
    expect(many.shown.at(-1)).toBe('and 10 more lines');
  });
});
