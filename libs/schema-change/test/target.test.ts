import { describe, expect, test } from 'vitest';
import {
  applyIsolation,
  backfillKeys,
  backfillPages,
  createTarget,
  deleteAllWithoutSource,
  differingKeys,
  grantTarget,
  parityOfRange,
  rederive,
  type Key,
  type Relation,
  type Shape,
} from '../src/index.js';
import { prepare, useDatabase, type Session } from './support/database.js';

const database = useDatabase();
const ALL = { after: null, upTo: null };

const apply = async (
  session: Session,
  shape: Shape,
  direction: 'forward' | 'reverse',
  relation: Relation,
  ...ids: (string | Key)[]
): Promise<number> => {
  const keys = ids.map((id) => (typeof id === 'string' ? [id] : id));
  let rows = 0;
  await session.run(`begin isolation level ${applyIsolation(shape)}`);
  for (const statement of rederive(shape, { direction, relation, keys })) rows += await session.count(statement);
  await session.run('commit');
  return rows;
};
const differing = async ({ run }: Session, shape: Shape, relation: Relation): Promise<string[]> => {
  const keys = (await run(differingKeys(shape, relation, ALL, 20))).map(({ key }) => (key as Key).join('/'));
  const [counted] = await run(parityOfRange(shape, relation, ALL));
  expect(counted?.['differing']).toBe(String(keys.length));
  return keys;
};

const profiles = (table: string, onlyFilled: boolean) => ({
  table,
  presets: [
    {
      kind: 'split-table' as const,
      into: `${table}_profiles`,
      key: 'user_id',
      columns: { bio: 'text', site: 'varchar(40)' },
      onlyFilled,
    },
  ],
  constraints: [
    {
      name: `${table}_profiles_user`,
      foreignKey: {
        columns: ['user_id'],
        references: table,
        referencedColumns: ['id'],
        onDelete: 'cascade' as const,
        onUpdate: 'cascade' as const,
      },
    },
  ],
});

describe.each([
  ['every row has a new row', 'all_users', false],
  ['only filled rows have a new row', 'some_users', true],
])('a table is split; %s', (_, table, onlyFilled) => {
  test('forward: backfill, changes, deletes and key changes', async () => {
    const { session } = database();
    const { run } = session;
    await run(`create table ${table} (id bigint primary key, email text, bio text, site varchar(40))`);
    await run(
      `insert into ${table} values (1, 'a', 'one', null), (2, 'b', null, null), (3, 'c', '', 'x.org'), (4, 'd', 'four', 'y')`,
    );
    const { shape } = await prepare(session, profiles(table, onlyFilled));
    await run(createTarget(shape));
    await run(createTarget(shape));
    const filled = onlyFilled ? 3 : 4;
    expect(await session.count(backfillPages(shape, { from: 0, to: 1 }))).toBe(filled);
    expect(await session.count(backfillKeys(shape, ALL))).toBe(0);
    expect(await differing(session, shape, 'derived')).toEqual([]);

    await run(`update ${table} set bio = 'changed' where id = 1`);
    await run(`update ${table} set bio = null, site = null where id = 4`);
    await run(`delete from ${table} where id = 3`);
    await run(`update ${table} set id = 22, bio = 'moved' where id = 2`);
    await run(`insert into ${table} values (9, 'i', 'nine', null)`);
    const wrong = onlyFilled ? ['1', '3', '4', '9', '22'] : ['1', '2', '3', '4', '9', '22'];
    expect(await differing(session, shape, 'derived')).toEqual(wrong);
    await apply(session, shape, 'forward', 'derived', '1', '2', '3', '4', '9', '22');
    expect(await differing(session, shape, 'derived')).toEqual([]);
    expect(await apply(session, shape, 'forward', 'derived', '22', '9', '4', '3', '2', '1')).toBe(0);
  });

  test('what applications write into the new table stays, and reverse carries it back', async () => {
    const { session } = database();
    const { shape } = await prepare(session, profiles(table, onlyFilled));
    const target = `${table}_profiles`;
    // Dual write: both sides in one transaction, the new one in a form that g brings back.
    await session.run(`update ${table} set bio = 'both' where id = 1`);
    await session.run(`update ${target} set bio = 'both' where user_id = 1`);
    expect(await differing(session, shape, 'consistent')).toEqual([]);
    expect(await apply(session, shape, 'forward', 'consistent', '1')).toBe(0);

    // New only.
    await session.run(`update ${target} set bio = 'newer', site = null where user_id = 1`);
    await session.run(`delete from ${target} where user_id = 22`);
    await session.run(`insert into ${table} values (30, 'n')`);
    await session.run(`insert into ${target} values (30, 'thirty')`);
    await session.run(`insert into ${table} values (31, 'no profile yet')`);
    expect(await differing(session, shape, 'consistent')).toEqual(['1', '22', '30']);
    expect(await apply(session, shape, 'reverse', 'consistent', '1', '22', '30', '31')).toBe(3);
    expect(await differing(session, shape, 'consistent')).toEqual([]);
    expect(await session.run(`select bio, site from ${table} where id in (1, 22, 30) order by id`)).toEqual([
      { bio: 'newer', site: null },
      { bio: null, site: null },
      { bio: 'thirty', site: null },
    ]);
    expect(await apply(session, shape, 'reverse', 'consistent', '31', '30', '22', '1')).toBe(0);
  });

  test('a truncated old table empties the new one', async () => {
    const { session } = database();
    const { shape } = await prepare(session, profiles(table, onlyFilled));
    await session.run(`truncate ${table}`);
    await session.run(deleteAllWithoutSource(shape));
    expect(await differing(session, shape, 'derived')).toEqual([]);
    expect(await session.run(`select 1 as one from ${table}_profiles`)).toEqual([]);
  });
});

test('an empty row that the application keeps is not taken away once it may write the new table', async () => {
  const { session } = database();
  const { shape } = await prepare(session, profiles('some_users', true));
  await session.run(`insert into some_users values (50, 'e')`);
  await session.run(`insert into some_users_profiles values (50)`);
  expect(await differing(session, shape, 'derived')).toEqual(['50']);
  expect(await differing(session, shape, 'consistent')).toEqual([]);
  expect(await apply(session, shape, 'forward', 'consistent', '50')).toBe(0);
  expect(await apply(session, shape, 'forward', 'derived', '50')).toBe(1);
});

test('a batch that read before an application wrote both sides fails and can be tried again', async () => {
  const { session, open } = database();
  const { shape } = await prepare(session, profiles('all_users', false));
  await session.run(`insert into all_users values (60, 's', 'old')`);
  await apply(session, shape, 'forward', 'derived', '60');
  await session.run(`update all_users set bio = 'stale' where id = 60`);
  const application = await open();
  await session.run(`begin isolation level ${applyIsolation(shape)}`);
  await session.run('select 1');
  await application.run('begin');
  await application.run(`update all_users set bio = 'fresh' where id = 60`);
  await application.run(`update all_users_profiles set bio = 'fresh' where user_id = 60`);
  await application.run('commit');
  const [, update] = rederive(shape, { direction: 'forward', relation: 'consistent', keys: [['60']] });
  await expect(session.run(update ?? '')).rejects.toMatchObject({ code: '40001' });
  await session.run('rollback');
  expect(await apply(session, shape, 'forward', 'consistent', '60')).toBe(0);
  expect(await session.run('select bio from all_users_profiles where user_id = 60')).toEqual([{ bio: 'fresh' }]);
});

test('a new table with a composite key takes collation, rights and odd names along', async () => {
  const { session } = database();
  const { run } = session;
  await run('create role reader_of_parts');
  try {
    await run(`create table "Parts" (a text collate "C", b int, "Blob" bytea, tags text[], primary key (a, b))`);
    await run('grant select, update on "Parts" to reader_of_parts');
    await run('grant select on "Parts" to public');
    await run(
      `insert into "Parts" values ('x', 1, '\\x00', '{NULL,a}'), ('x', 2, null, '{}'), ('é', 1, '\\xff', null)`,
    );
    const { shape, catalog } = await prepare(session, {
      table: '"Parts"',
      target: {
        table: '"Part Details"',
        key: ['pa', 'pb'],
        columns: { 'the blob': { type: 'bytea', from: '"Blob"' }, tags: { type: 'text[]', from: 'tags' } },
      },
      reverse: { Blob: '"the blob"', tags: 'tags' },
      drop: ['Blob', 'tags'],
    });
    await run(createTarget(shape));
    expect(catalog.grants).toEqual([
      { grantee: 'PUBLIC', privileges: ['SELECT'] },
      { grantee: 'reader_of_parts', privileges: ['SELECT', 'UPDATE'] },
    ]);
    for (const grant of catalog.grants) await run(grantTarget(shape, grant));
    expect(await run(`select has_table_privilege('reader_of_parts', '"Part Details"', 'update') as may`)).toEqual([
      { may: true },
    ]);
    await run(backfillKeys(shape, { after: null, upTo: ['x', '1'] }));
    await run(backfillKeys(shape, { after: ['x', '1'], upTo: null }));
    expect(await differing(session, shape, 'consistent')).toEqual([]);
    await run(`update "Parts" set a = 'y', tags = '{NULL}' where a = 'x' and b = 2`);
    await apply(session, shape, 'forward', 'derived', ['x', '2'], ['y', '2']);
    expect(await differing(session, shape, 'derived')).toEqual([]);
    await run(`update "Part Details" set tags = '{new}' where pa = 'é'`);
    await apply(session, shape, 'reverse', 'consistent', ['é', '1']);
    expect(await run(`select tags from "Parts" where a = 'é'`)).toEqual([{ tags: ['new'] }]);
  } finally {
    await run('drop table if exists "Part Details", "Parts"');
    await run('drop role reader_of_parts');
  }
});
