import { afterAll, describe, expect, test } from 'vitest';
import {
  addColumns,
  addConstraint,
  addNotNullCheck,
  attachIndex,
  backfillPages,
  constraintStates,
  createIndexConcurrently,
  createIndexOnParent,
  createPublication,
  definitionOf,
  dropConstraint,
  dropIndexConcurrently,
  dropNewColumns,
  dropNotNull,
  dropOldColumns,
  dropPublication,
  dropTarget,
  createTarget,
  emitBarrier,
  explain,
  flipMoment,
  indexState,
  leftovers,
  newColumns,
  notYetVisible,
  objectNames,
  openWriters,
  parityOfRange,
  planProblem,
  readGauges,
  setLimits,
  setNotNull,
  setPublicationTables,
  writeSettings,
  transactionsOlderThan,
  usersNameSplit,
  validateConstraint,
} from '../src/index.js';
import { prepare, useDatabase } from './support/database.js';

const database = useDatabase();
const names = objectNames('test', 'run');
const users = { schema: 'public', name: 'users' };

describe('steps on the catalog', () => {
  test('NOT NULL is reached by proof, and refused while a row would break it', async () => {
    const { session } = database();
    const { run } = session;
    await run('create table users (id bigint primary key, name text not null)');
    await run(`insert into users select n, 'First Last' || n from generate_series(1, 200) n`);
    const { shape } = await prepare(session, usersNameSplit().spec);
    await run('begin');
    await run(setLimits({ lockTimeoutMs: 100, statementTimeoutMs: 5_000 }));
    await run(addColumns(shape));
    await run('commit');
    const check = `${names.constraintPrefix}0_first_na`;
    await run(addNotNullCheck(users, 'first_name', check));
    await expect(run(validateConstraint(users, check))).rejects.toMatchObject({ code: '23514' });
    // Existing rows may break it, but no new one.
    await expect(run(`insert into users values (999, 'x')`)).rejects.toMatchObject({ code: '23514' });
    await run(backfillPages(shape, { from: 0, to: 100 }));
    await run(validateConstraint(users, check));
    expect(await run(constraintStates(users, [check]))).toEqual([{ name: check, validated: true }]);
    await run(setNotNull(users, 'first_name'));
    await run(dropConstraint(users, check));
    expect(await run(newColumns(shape))).toMatchObject([{ notNull: true }, { notNull: false }]);
    await run(dropNotNull(users, ['name']));
    await run(`insert into users (id, first_name) values (999, 'only new')`);
    await run('delete from users where id = 999');
  });

  test('an index is built beside the writers; an invalid one is seen and removed', async () => {
    const { session } = database();
    const { run } = session;
    const unique = { name: 'Odd "Index"', columns: ['last_name'], unique: true, method: 'btree' as const };
    await run(`update users set last_name = 'same'`);
    await expect(run(createIndexConcurrently(users, unique))).rejects.toMatchObject({ code: '23505' });
    expect(await run(indexState(users, unique.name))).toEqual([
      {
        valid: false,
        ready: expect.any(Boolean),
        onTable: true,
        isFrame: false,
        unique: true,
        method: 'btree',
        columns: ['last_name'],
        building: false,
      },
    ]);
    await run(dropIndexConcurrently(users, unique.name));
    expect(await run(indexState(users, unique.name))).toEqual([]);
    await run(createIndexConcurrently(users, { ...unique, unique: false }));
    expect(await run(indexState(users, unique.name))).toMatchObject([{ valid: true, ready: true, unique: false }]);
    await run(dropIndexConcurrently(users, unique.name));
  });

  test('constraints of the spec are added without a scan and proved after', async () => {
    const { session } = database();
    const { run } = session;
    await run('create table people (id bigint primary key)');
    await run('insert into people select n from generate_series(1, 100) n');
    const check = { kind: 'check', name: 'Short', check: 'length(first_name) < 9', at: [] } as const;
    const key = {
      kind: 'foreignKey',
      name: 'users_people',
      columns: ['id'],
      references: { schema: 'public', name: 'people' },
      referencedColumns: ['id'],
      onDelete: 'cascade',
      onUpdate: 'no action',
      at: [],
    } as const;
    await run(addConstraint(users, check));
    await run(addConstraint(users, key));
    await run(validateConstraint(users, 'Short'));
    await expect(run(validateConstraint(users, 'users_people'))).rejects.toMatchObject({ code: '23503' });
    expect(await run(constraintStates(users, ['Short', 'users_people']))).toEqual([
      { name: 'Short', validated: true },
      { name: 'users_people', validated: false },
    ]);
    await run(dropConstraint(users, 'Short'));
    await run(dropConstraint(users, 'users_people'));
  });

  test('leftovers names everything that is still there, and nothing when all is gone', async () => {
    const { session } = database();
    const { run } = session;
    const { shape } = await prepare(session, { ...usersNameSplit().spec });
    await run(createPublication(names.publication, [users]));
    await run(setPublicationTables(names.publication, [users, { schema: 'public', name: 'people' }]));
    await run(`select pg_create_logical_replication_slot('${names.slot}', 'pgoutput')`);
    await run(addNotNullCheck(users, 'last_name', `${names.constraintPrefix}left`));
    await run('create index left_index on users (last_name)');
    const expected = {
      names,
      goneColumns: ['first_name', 'last_name'],
      goneTarget: false,
      goneIndexes: ['left_index'],
      goneConstraints: [],
    };
    expect(await run(leftovers(shape, expected))).toEqual([
      { kind: 'column', name: 'first_name' },
      { kind: 'column', name: 'last_name' },
      { kind: 'constraint', name: `${names.constraintPrefix}left` },
      { kind: 'index', name: 'left_index' },
      { kind: 'publication', name: names.publication },
      { kind: 'slot', name: names.slot },
    ]);
    const before = await run(definitionOf([users]));
    await run(dropNewColumns(shape));
    expect(await run(definitionOf([users]))).not.toEqual(before);
    await run(dropPublication(names.publication));
    await run(`select pg_drop_replication_slot('${names.slot}')`);
    expect(await run(leftovers(shape, expected))).toEqual([]);
  });

  test('a view that was made meanwhile stops the drop; without it the old column goes', async () => {
    const { session } = database();
    const { run } = session;
    const { shape } = await prepare(session, usersNameSplit().spec);
    await run('create view greeting as select name from users');
    await expect(run(dropOldColumns(shape, ['name']))).rejects.toMatchObject({ code: '2BP01' });
    await run('drop view greeting');
    await run(dropOldColumns(shape, ['name']));
    await run(dropOldColumns(shape, ['name']));
    expect(await run(definitionOf([users]))).toMatchObject([{ column: 'id', type: 'bigint', notNull: true }]);
  });

  test('a new table can be taken away again', async () => {
    const { session } = database();
    const { shape } = await prepare(session, {
      table: 'people',
      target: { table: 'faces', key: 'id', columns: { n: { type: 'int', from: '1' } } },
    });
    await session.run(createTarget(shape));
    const expected = { names, goneColumns: [], goneTarget: true, goneIndexes: [], goneConstraints: [] };
    expect(await session.run(leftovers(shape, expected))).toEqual([{ kind: 'table', name: '"public"."faces"' }]);
    await session.run(dropTarget(shape));
    expect(await session.run(leftovers(shape, expected))).toEqual([]);
  });
});

test('a partitioned table is filled page by page in each partition, and its index is attached from them', async () => {
  const { session } = database();
  const { run } = session;
  await run('create table logs (id int, day int, v text, primary key (id, day)) partition by list (day)');
  for (const day of [1, 2]) await run(`create table logs_${day} partition of logs for values in (${day})`);
  await run(`insert into logs select n, 1 + n % 2, 'v' || n from generate_series(1, 500) n`);
  const { shape, catalog } = await prepare(session, {
    table: 'logs',
    columns: { up: { type: 'text', from: 'upper(v)' } },
  });
  expect(catalog.table?.partitions).toEqual([
    { schema: 'public', name: 'logs_1' },
    { schema: 'public', name: 'logs_2' },
  ]);
  await run(addColumns(shape));
  for (const partition of catalog.table?.partitions ?? []) {
    const chunk = backfillPages(shape, { from: 0, to: 50 }, { partition });
    await run('set enable_seqscan = off');
    const [plan] = await run(explain(chunk));
    expect(planProblem(plan?.['QUERY PLAN'], 'pages')).toBeNull();
    expect(await session.count(chunk)).toBe(250);
  }
  expect((await run(parityOfRange(shape, 'derived', { after: null, upTo: null })))[0]).toEqual({
    rows: '500',
    differing: '0',
  });
  const logs = { schema: 'public', name: 'logs' };
  const index = { name: 'logs_up', columns: ['up'], unique: false, method: 'btree' as const };
  await run(createIndexOnParent(logs, index));
  expect(await run(indexState(logs, 'logs_up'))).toMatchObject([{ valid: false }]);
  for (const partition of catalog.table?.partitions ?? []) {
    const own = { ...index, name: `${partition.name}_up` };
    await run(createIndexConcurrently(partition, own));
    await run(attachIndex(logs, 'logs_up', { schema: 'public', name: own.name }));
  }
  expect(await run(indexState(logs, 'logs_up'))).toMatchObject([{ valid: true }]);
});

test("the application's triggers do not fire for our own writes, and updated_at stays", async () => {
  const { session } = database();
  const { run } = session;
  await run(`create table touched (id int primary key, v text, at int default 0)`);
  await run(
    `create function touch() returns trigger language plpgsql as 'begin new.at := new.at + 1; return new; end'`,
  );
  await run(`create trigger touch before update on touched for each row execute function touch()`);
  await run(`insert into touched values (1, 'a')`);
  const { shape } = await prepare(session, { table: 'touched', columns: { up: { type: 'text', from: 'upper(v)' } } });
  await run(addColumns(shape));
  await run('begin');
  await run(writeSettings(shape, { lockTimeoutMs: 100, statementTimeoutMs: 5_000 }));
  await run(backfillPages(shape, { from: 0, to: 1 }));
  await run('commit');
  expect(await run('select up, at from touched')).toEqual([{ up: 'A', at: 0 }]);
});

describe('waiting for others', () => {
  test('a transaction older than a flip is named until it ends, one that began later is not', async () => {
    const { session, open } = database();
    const { run } = session;
    await run('create table waited (id int primary key)');
    const [older, reader, younger] = [await open(), await open(), await open()];
    await older.run(`set application_name = 'older'`);
    await reader.run(`set application_name = 'reader'`);
    await older.run('begin');
    await older.run('insert into waited values (1)');
    await reader.run('begin');
    await reader.run('select 1');
    const [flip] = await run(flipMoment());
    const at = String(flip?.['at']);
    await younger.run('begin');
    await younger.run('insert into waited values (2)');
    const old = await run(transactionsOlderThan(at));
    expect(old.map(({ application }) => String(application)).toSorted()).toEqual(['older', 'reader']);
    expect(old[0]).toMatchObject({ kind: 'session', state: 'idle in transaction' });
    // Only the one that wrote the table matters to a barrier.
    const waited = [{ schema: 'public', name: 'waited' }];
    expect(await run(openWriters(waited, at))).toMatchObject([{ application: 'older' }]);
    await older.run('commit');
    await reader.run('commit');
    expect(await run(transactionsOlderThan(at))).toEqual([]);
    await younger.run('rollback');
  });

  test('a transaction that still runs, or that this snapshot does not know yet, is not visible', async () => {
    const { session, open } = database();
    const other = await open();
    await other.run('begin');
    const [{ xid } = { xid: '' }] = await other.run('select pg_current_xact_id()::text as xid');
    const open32 = String(BigInt(String(xid)) & 0xffffffffn);
    expect(await session.run(notYetVisible([open32, '3']))).toEqual([{ xid: open32 }]);
    await other.run('commit');
    expect(await session.run(notYetVisible([open32]))).toEqual([]);
    const later = String(Number(open32) + 1_000);
    expect(await session.run(notYetVisible([later]))).toEqual([{ xid: later }]);
    // A repeatable-read snapshot stays as it was taken.
    await session.run('begin isolation level repeatable read');
    await session.run('select 1');
    const [{ xid: next } = { xid: '' }] = await other.run('select pg_current_xact_id()::text as xid');
    expect(await session.run(notYetVisible([String(next)]))).toEqual([{ xid: String(next) }]);
    await session.run('commit');
    expect(await session.run(notYetVisible([String(next)]))).toEqual([]);
  });

  test('a barrier gives its position, and the gauges answer even where there is nothing to measure', async () => {
    const { session } = database();
    const [barrier] = await session.run(emitBarrier(names.messagePrefix, 'one'));
    expect(barrier?.['lsn']).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    expect(await session.run(readGauges(users, names.slot))).toEqual([
      {
        replicaLagSeconds: 0,
        slotWalBytes: null,
        lockWaiters: 0,
        longestTransactionSeconds: expect.any(Number),
        autovacuumRunning: 0,
        walStatus: null,
      },
    ]);
  });
});

afterAll(async () => {
  const { session } = database();
  await session.run(
    `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '${names.slot}'`,
  );
});
