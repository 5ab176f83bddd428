import { expect, test } from 'vitest';
import { objectNames, planChange, preflight, resolveShape, usersNameSplit, type Finding } from '../src/index.js';
import { catalogOf, changeOf, useDatabase } from './support/database.js';

const database = useDatabase();
const change = changeOf(usersNameSplit().spec);
const said = (findings: readonly Finding[]): string[] => findings.map(({ code, subject }) => `${code}: ${subject}`);

test('a table that does not exist is the one thing that is said about it', async () => {
  const { session } = database();
  const { passed, obstacles } = preflight(change, await catalogOf(session, change));
  expect(passed).toBe(false);
  expect(said(obstacles)).toEqual(['table-missing: public.users']);
});

test('a plain table passes, with the types that the statements need', async () => {
  const { session } = database();
  await session.run(`create table users (id bigint primary key, name varchar(80) collate "C" not null, team int)`);
  await session.run(`insert into users select n, 'A B' || n from generate_series(1, 2000) n`);
  await session.run('analyze users');
  const catalog = await catalogOf(session, change);
  const { passed, obstacles, warnings } = preflight(change, catalog);
  expect(obstacles).toEqual([]);
  expect(passed).toBe(true);
  expect(said(warnings)).toEqual(['slot-limit: max_slot_wal_keep_size']);
  expect(catalog.table).toMatchObject({ kind: 'r', rows: 2000, fillfactor: 100, owned: true });
  expect(catalog.columns).toMatchObject([
    { name: 'id', type: 'bigint', width: 8, collation: null },
    { name: 'name', type: 'character varying(80)', notNull: true, collation: 'pg_catalog."C"' },
    { name: 'team', nullFraction: 1 },
  ]);
  const resolved = resolveShape(change, catalog, 'run');
  if (!resolved.ok) throw new Error('not resolved');
  expect(resolved.shape).toMatchObject({
    sameRow: true,
    key: [{ source: 'id', target: 'id', type: 'bigint', collation: null }],
    reverse: [{ name: 'name', type: 'character varying(80)' }],
  });
  const plan = planChange(change, catalog, resolved.shape);
  expect(plan.basis).toMatchObject({ rows: 2000, secondaryIndexes: 0, share: 1, hot: 0 });
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
});

test('everything that hangs on a dropped column is found, and what stops the drop is an obstacle', async () => {
  const { session } = database();
  const { run } = session;
  for (const sql of [
    `alter table users add constraint long_enough check (length(name) > 0)`,
    `create index users_name on users (lower(name))`,
    `alter table users add constraint users_name_key unique (name)`,
    `create table badges (owner varchar(80) references users (name))`,
    `create view shouting as select upper(name) as n from users`,
    `create materialized view counted as select name, count(*) from users group by name`,
    `alter table users add column initial text generated always as (left(name, 1)) stored`,
    `create policy mine on users using (name = current_user)`,
    `create publication narrow for table users (id, name)`,
    `create statistics name_team on name, team from users`,
    `create function note() returns trigger language plpgsql as 'begin return new; end'`,
    `create trigger on_name before update of name on users for each row execute function note()`,
    `create trigger on_any after update on users for each row execute function note()`,
    `create trigger on_team after update of team on users for each row execute function note()`,
    `alter table users enable always trigger on_any`,
    `alter table users add column first_name int`,
    `create index idx_users_last_name on users (team)`,
  ]) {
    await run(sql);
  }
  const report = preflight(change, await catalogOf(session, change));
  expect(said(report.obstacles).toSorted()).toEqual([
    'column-taken: first_name',
    'dependent: badges_owner_fkey on badges',
    'dependent: counted',
    'dependent: initial',
    expect.stringMatching(/^dependent: policy mine/),
    expect.stringMatching(/^dependent: publication of table users in publication narrow/),
    'dependent: shouting',
    expect.stringMatching(/^dependent: trigger on_name/),
    'name-taken: idx_users_last_name',
    'trigger: on_any',
  ]);
  expect(said(report.warnings).toSorted()).toEqual([
    expect.stringMatching(/^dependent: index users_name/),
    'dependent: long_enough on users',
    expect.stringMatching(/^dependent: statistics object/),
    'dependent: users_name_key on users',
    'publication: narrow',
    'slot-limit: max_slot_wal_keep_size',
    'trigger: on_name',
    'trigger: on_team',
  ]);
});

test('tables and keys that cannot be followed are refused with the fix', async () => {
  const { session } = database();
  const { run } = session;
  const check = async (table: string, sql: string, spec: { key?: string[] } = {}): Promise<string[]> => {
    await run(sql);
    const odd = changeOf({ table, columns: { n: { type: 'text', from: 'v' } }, ...spec });
    const { obstacles } = preflight(odd, await catalogOf(session, odd));
    expect(obstacles.every(({ fix }) => fix !== '')).toBe(true);
    return said(obstacles);
  };
  expect(await check('keyless', 'create table keyless (v text)')).toEqual(['no-key: public.keyless']);
  expect(await check('fast', 'create unlogged table fast (id int primary key, v text)')).toEqual([
    'table-kind: public.fast',
  ]);
  expect(await check('seen', 'create view seen as select 1 as id, 2 as v')).toContain('table-kind: public.seen');
  expect(await check('listed', 'create table listed (id int[] primary key, v text)')).toEqual(['no-key: id']);
  expect(await check('loose', 'create table loose (id int unique, v text)', { key: ['id'] })).toEqual([
    'no-key: id',
    'replica-identity: public.loose',
  ]);
  expect(
    await check(
      'named',
      'create table named (id int not null unique, v text); alter table named replica identity using index named_id_key',
      {
        key: ['id'],
      },
    ),
  ).toEqual([]);
  expect(
    await check(
      'nothing',
      'create table nothing (id int primary key, v text); alter table nothing replica identity nothing',
    ),
  ).toEqual(['replica-identity: public.nothing']);
  expect(
    await check(
      'forced',
      'create table forced (id int primary key, v text); alter table forced force row level security',
    ),
  ).toEqual(['row-security: public.forced']);
  expect(
    await check('parent', 'create table parent (id int primary key, v text); create table child () inherits (parent)'),
  ).toEqual(['table-kind: public.parent']);
});

test('a role without rights is told each right that it lacks', async () => {
  const { session } = database();
  await session.run('create role plain_role');
  try {
    await session.run(
      'revoke temporary on database ' +
        String((await session.run('select quote_ident(current_database()) as d'))[0]?.['d']) +
        ' from public',
    );
    const role = changeOf({ table: 'named', key: 'id', columns: { n: { type: 'text', from: 'v' } } });
    await session.run('set role plain_role');
    const { obstacles } = preflight(role, await catalogOf(session, role));
    expect(said(obstacles)).toEqual([
      'privilege: replication',
      'privilege: create',
      'privilege: temporary',
      'privilege: public.named',
    ]);
  } finally {
    await session.run('reset role');
    await session.run('drop role plain_role');
  }
});

test('what an earlier attempt left is named', async () => {
  const { session } = database();
  const names = objectNames('test', 'run');
  await session.run(`create publication "${names.publication}"`);
  await session.run('create table taken_target (id int)');
  const odd = changeOf({
    table: 'named',
    key: 'id',
    target: { table: 'taken_target', key: 'id', columns: { n: { type: 'text', from: 'v' } } },
  });
  const { obstacles } = preflight(odd, await catalogOf(session, odd));
  expect(said(obstacles)).toEqual([`name-taken: ${names.publication}`, 'name-taken: "public"."taken_target"']);
  await session.run(`drop publication "${names.publication}"`);
});
