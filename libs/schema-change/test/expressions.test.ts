import { expect, test } from 'vitest';
import {
  addProbeColumns,
  createProbe,
  judgeVolatility,
  overloadsOf,
  probeAssignable,
  probeImmutable,
  usersNameSplit,
  type Overload,
} from '../src/index.js';
import { checkChangeExpressions, checkExpression } from '../src/parse.js';
import { catalogOf, changeOf, useDatabase } from './support/database.js';

const database = useDatabase();
const at = ['spec', 'columns', 'x', 'from'];
const TYPES = { name: 'text', seen: 'timestamp with time zone', n: 'integer' };

/** What parser, catalog and server say about one expression. */
async function judge(
  text: string,
): Promise<{ problems: string[]; undecided: readonly string[]; exempt: readonly string[] }> {
  const { session } = database();
  const checked = await checkExpression(text, { columns: Object.keys(TYPES), of: 'users', at });
  if (!checked.ok) return { problems: checked.problems.map(({ message }) => message), undecided: [], exempt: [] };
  const overloads = (await session.run(overloadsOf(checked.references.named))) as unknown as Overload[];
  const { problems, ...rest } = judgeVolatility({
    references: checked.references,
    overloads,
    types: TYPES,
    at,
    path: 'spec.columns.x.from',
  });
  return { problems: problems.map(({ message }) => message), ...rest };
}

test.each([
  `split_part(btrim(name), ' ', 1)`,
  `nullif(regexp_replace(btrim(name), '^\\S+\\s*', ''), '')`,
  `case when n > 0 then n::bigint * 2 else -n end`,
  `n between 1 and 3 and name is not null`,
  `name ~* 'x' or name like 'a%' or n in (1, 2)`,
  `coalesce(name, 'x') collate "C"`,
])('%s is not refused', async (text) => {
  // `=` and `>` have overloads over times with and without zone; those are the probe's to decide.
  const { problems, undecided, exempt } = await judge(text);
  expect({ problems, exempt }).toEqual({ problems: [], exempt: [] });
  expect(undecided.every((name) => /^operator [=>]$/.test(name))).toBe(true);
});

test('concat_ws counts as immutable over text, and not over anything else', async () => {
  expect(await judge(`concat_ws(' ', name, 'x')`)).toEqual({ problems: [], undecided: [], exempt: ['concat_ws'] });
  expect((await judge(`concat_ws(' ', name, seen)`)).problems).toEqual([
    'function concat_ws is not immutable: the same row could give another value tomorrow; over plain text columns it is allowed',
  ]);
  expect((await judge(`concat_ws(' ', name, n::text)`)).problems).toHaveLength(1);
});

test.each([
  ['now()', 'function now is not immutable'],
  ['random() * n', 'function random is not immutable'],
  ['current_date', 'current_date is not immutable'],
  ['max(n)', 'function max is an aggregate'],
  ['row_number()', 'function row_number is a window function'],
  ['generate_series(1, n)', 'function generate_series returns a set'],
  ['no_such_function(n)', 'function no_such_function does not exist'],
])('%s is refused', async (text, message) => {
  expect((await judge(text)).problems[0]).toContain(message);
});

test('a name with overloads of both sorts is left to the probe, which asks the server itself', async () => {
  const { session } = database();
  await session.run('create table users (id int primary key, name text, seen timestamptz, n int)');
  expect((await judge(`date_trunc('day', seen)`)).undecided).toEqual(['function date_trunc']);
  const probe = async (expression: string, type: string): Promise<string> => {
    await session.run('begin');
    try {
      await session.run(createProbe({ schema: 'public', name: 'users' }));
      await session.run(probeImmutable(expression, type));
      return 'accepted';
    } catch (error) {
      return String((error as { code?: unknown }).code);
    } finally {
      await session.run('rollback');
    }
  };
  expect(await probe(`date_trunc('day', seen)`, 'timestamptz')).toBe('42P17');
  expect(await probe(`date_trunc('day', seen at time zone 'UTC')`, 'timestamp')).toBe('accepted');
  expect(await probe('seen::text', 'text')).toBe('42P17');
  expect(await probe('n + 1', 'text')).toBe('accepted');
  expect(await probe('name', 'int')).toBe('42804');
  expect(await probe(`concat_ws(' ', name, name)`, 'text')).toBe('42P17');
});

test('what a column does not take is found on the probe too, for the way back as well', async () => {
  const { session } = database();
  await session.run('begin');
  await session.run(createProbe({ schema: 'public', name: 'users' }));
  await session.run(addProbeColumns([{ name: 'first_name', type: 'text' }]));
  await session.run(probeAssignable(`concat_ws(' ', first_name, first_name)`, 'name'));
  await expect(session.run(probeAssignable('first_name', 'n'))).rejects.toMatchObject({ code: '42804' });
  await session.run('rollback');
  expect(await session.run(`select to_regclass('pg_temp._sy_probe') as probe`)).toEqual([{ probe: null }]);
});

test('all expressions of the users.name split are well formed', async () => {
  const { session } = database();
  const change = changeOf(usersNameSplit().spec);
  const { problems, expressions } = await checkChangeExpressions(change, await catalogOf(session, change));
  expect(problems).toEqual([]);
  expect(expressions.map(({ role, column, references }) => [role, column, references.columns])).toEqual([
    ['derive', 'first_name', ['name']],
    ['derive', 'last_name', ['name']],
    ['reverse', 'name', ['first_name', 'last_name']],
  ]);
});
