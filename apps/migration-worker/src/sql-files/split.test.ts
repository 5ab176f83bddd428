import { describe, expect, it } from 'vitest';
import { isTransactionControl, splitStatements } from './split.js';

const texts = (sql: string): string[] => splitStatements(sql).map((statement) => statement.text);

describe('splitStatements', () => {
  it('splits at semicolons and keeps a last statement without one', () => {
    expect(texts('select 1;\n\nselect 2')).toEqual(['select 1', 'select 2']);
  });

  it('gives nothing for comments and blanks alone', () => {
    expect(texts('-- a;\n /* b; /* c; */ d; */ ;;\n')).toEqual([]);
  });

  it('leaves semicolons in quotes, names and comments alone', () => {
    const one = `insert into "a;b" values ('x;''y', E'it\\'s;', $$ ; $$, $q$ ; $$ ; $q$) /* ; /* ; */ ; */ -- ;`;
    expect(texts(`${one}\n; select 2`)).toHaveLength(2);
  });

  it('keeps a function body of BEGIN ATOMIC in one piece, with CASE in it', () => {
    const body =
      'create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end';
    expect(texts(`${body}; select 3`)).toEqual([body, 'select 3']);
  });

  it('takes a dollar in a parameter or a name for no quote', () => {
    expect(texts('prepare p as select $1; select a$b$c from t; select 1')).toHaveLength(3);
  });

  it('tells the line on which each statement begins', () => {
    expect(splitStatements('-- one\n\nselect 1;\n  select\n2;').map((s) => s.line)).toEqual([3, 4]);
  });

  it('sees statements that begin or end a transaction, and no others', () => {
    const control = splitStatements(
      'begin; COMMIT; /* x */ rollback; start transaction; end; savepoint a; prepare transaction $$a$$',
    );
    expect(control.every(isTransactionControl)).toBe(true);
    const others = splitStatements(
      'prepare p as select 1; create table begin_log (id int); do $$ begin perform 1; end $$',
    );
    expect(others.some(isTransactionControl)).toBe(false);
  });
});
