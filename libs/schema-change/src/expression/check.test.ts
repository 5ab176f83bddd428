import { describe, expect, test } from 'vitest';
import { checkExpression, checkType } from './check.js';

const options = { columns: ['name', 'Email', 'n'], of: 'public.users', at: ['spec', 'columns', 'x', 'from'] };
const messages = async (text: string): Promise<string[]> => {
  const checked = await checkExpression(text, options);
  return checked.ok ? [] : checked.problems.map(({ path, message }) => `${path}: ${message}`);
};
const one = async (text: string): Promise<string> =>
  (await messages(text)).join(' | ').replace('spec.columns.x.from: ', '');

describe('checkExpression', () => {
  test('gives the columns and every name that the catalog is asked about', async () => {
    const text = `pg_catalog.lower("Email") || split_part(name, ' ', -n::int) || concat_ws(' ', name, 'x', "Email")`;
    expect(await checkExpression(text, options)).toEqual({
      ok: true,
      references: {
        columns: ['Email', 'name', 'n'],
        named: [
          { kind: 'operator', schema: null, name: '||', args: 2, columns: null },
          { kind: 'function', schema: 'pg_catalog', name: 'lower', args: 1, columns: ['Email'] },
          { kind: 'function', schema: null, name: 'split_part', args: 3, columns: null },
          { kind: 'operator', schema: null, name: '-', args: 1, columns: null },
          { kind: 'cast', schema: 'pg_catalog', name: 'int4', args: null, columns: null },
          { kind: 'function', schema: null, name: 'concat_ws', args: 4, columns: ['name', 'Email'] },
        ],
      },
    });
  });

  test.each([
    ['(select 1)', 'a subquery reads other rows'],
    ['exists (select 1)', 'a subquery reads other rows'],
    ['array(select name)', 'a subquery reads other rows'],
    ['count(*)', 'count() is called as an aggregate'],
    ['sum(distinct n)', 'sum() is called as an aggregate'],
    ['sum(n) filter (where n > 0)', 'sum() is called as an aggregate'],
    ['row_number() over ()', 'row_number() over (...) is a window function'],
    ['current_timestamp', 'current_timestamp is not immutable'],
    ['current_user', 'current_user is not immutable'],
    ['$1', 'a parameter such as $1 has no value here'],
    ['users.name', 'write "name" without the name of its table'],
    ['users.*', '`*` is more than one value'],
    ['(name, n)', 'gives several values'],
    ['name, n', 'gives several values'],
    ['', 'must not be empty'],
    ['name) from users where (true', 'must be one expression; this closes its parenthesis and goes on'],
    ['name), (n', 'must be one expression; this closes its parenthesis and goes on'],
    ['1) union select (2', 'must be one expression'],
    ['1) as x, (2', 'must be one expression'],
    ['1); drop table users; select (2', 'must be one expression, without `;`'],
    ['name -- the name', 'holds a comment'],
    ['name /* x */', 'holds a comment'],
    ['nmae', 'public.users has no column "nmae"; did you mean "name"? (character 1)'],
    ['lower(Email)', 'public.users has no column "email"; write "Email" in quotes (character 7)'],
    ["'ü' || zzzzzz", 'public.users has no column "zzzzzz"; it has name, Email, n (character 8)'],
    ['lower(', 'PostgreSQL cannot read it: syntax error'],
    ["'open", 'PostgreSQL cannot read it: unterminated quoted string'],
  ])('%s is refused', async (text, message) => {
    expect(await one(text)).toContain(message);
  });

  test('what looks like a comment inside a text is text', async () => {
    expect(await messages(`name || '-- no /* comment */'`)).toEqual([]);
  });

  test('the whole language of one row is allowed', async () => {
    for (const text of [
      `case name when 'a' then 1 else 2 end`,
      `case when n is null then null when n is not true then 1 end`.replace('n is not true', '(n > 0) is not true'),
      `coalesce(nullif(name, ''), greatest(name, 'x'))`,
      `(string_to_array(name, ' '))[1]`,
      `(string_to_array(name, ' '))[1:2]`,
      `array[name, 'x']`,
      `name collate "C"`,
      `n = any(array[1, 2])`,
      `n in (1, 2) and not n between 3 and 4`,
      `name like 'a%' or name similar to 'b' or name ilike 'c'`,
      `extract(year from timestamp '2020-01-01')`,
      `make_interval(days => n)`,
      `substring(name from 1 for 2)`,
      `trim(both ' ' from name)`,
      `overlay(name placing 'x' from 1)`,
      `name is distinct from 'x'`,
      `n::numeric(10,2)`,
      `row(n, 1) = row(1, n)`,
    ]) {
      expect(await messages(text), text).toEqual([]);
    }
  });
});

test('a type is one type name', async () => {
  for (const type of [
    'text',
    'numeric(10,2)',
    'timestamp(3) with time zone',
    'int[]',
    'my."Odd Type"',
    'varchar(20)',
    'double precision',
  ]) {
    expect(await checkType(type, []), type).toEqual([]);
  }
  for (const type of [
    'text not null',
    'text default 1',
    'int; drop table x',
    'int) , (1',
    'setof int',
    'text -- x',
    '',
    'text collate "C"',
  ]) {
    expect(await checkType(type, ['spec']), type).toHaveLength(1);
  }
});
