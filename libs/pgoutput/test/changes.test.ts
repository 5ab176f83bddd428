import { postgres } from '@switchyard/testkit';
import { describe, expect, test } from 'vitest';
import { keyReader, UNCHANGED, type RowEvent, type StreamEvent } from '../src/index.js';
import { readTransactions, useOldestServer, useSource } from './support/source.js';

/** What a test cares about in an event. */
function brief(event: StreamEvent): unknown {
  switch (event.kind) {
    case 'insert':
      return ['insert', event.relation.name, ...event.row];
    case 'update':
      return ['update', event.relation.name, { row: event.row, oldKey: event.oldKey, oldRow: event.oldRow }];
    case 'delete':
      return ['delete', event.relation.name, { oldKey: event.oldKey, oldRow: event.oldRow }];
    case 'truncate':
      return ['truncate', ...event.relations.map(({ name }) => name), event.cascade, event.restartIdentity];
    case 'message':
      return ['message', event.prefix, event.content.toString(), event.isTransactional];
    default:
      return event.kind;
  }
}

const isRow = (event: StreamEvent): event is RowEvent => ['insert', 'update', 'delete'].includes(event.kind);

const oldest = useOldestServer();

describe.each([
  ['15', () => oldest()],
  ['the newest', () => postgres()],
])('the changes of PostgreSQL %s', (_major, server) => {
  const source = useSource(server);

  test('come in commit order, each transaction whole', async () => {
    const { sql, slot, open, client } = source();
    await sql('create table items (id int primary key, name text, note text)');
    const stream = await open(await slot('whole'));
    const [first, second] = [await client(), await client()];
    await first.query(`begin; insert into items values (1, 'a', null)`);
    await second.query(`begin; insert into items values (2, '', 'it''s')`);
    await first.query(`update items set name = 'b' where id = 1`);
    await second.query('commit');
    await first.query(`delete from items where id = 1; insert into items values (3, 'ü€', E'\\\\'); commit`);
    const events = await readTransactions(stream, 2);
    expect(events.map(brief)).toEqual([
      'begin',
      ['insert', 'items', '2', '', "it's"],
      'commit',
      'begin',
      ['insert', 'items', '1', 'a', null],
      ['update', 'items', { row: ['1', 'b', null], oldKey: null, oldRow: null }],
      ['delete', 'items', { oldKey: ['1', null, null], oldRow: null }],
      ['insert', 'items', '3', 'ü€', '\\'],
      'commit',
    ]);
    const [begin, , commit] = events;
    if (begin?.kind !== 'begin' || commit?.kind !== 'commit') throw new Error('not a transaction');
    expect(commit.commitLsn).toBe(begin.commitLsn);
    expect(commit.endLsn).toBeGreaterThan(commit.commitLsn);
    expect(commit.xid).toBe(begin.xid);
    expect(Math.abs(begin.committedAt - Date.now())).toBeLessThan(60_000);
    expect(begin.origin).toBeNull();
  });

  test('leave out a wide value that an update did not change, also when the key changes', async () => {
    const { sql, slot, open } = source();
    await sql('create table wide (id int primary key, name text, body text)');
    await sql('alter table wide alter body set storage external');
    await sql(`insert into wide values (1, 'a', repeat('x', 100000))`);
    const stream = await open(await slot('wide', 'table wide'));
    await sql(`update wide set name = 'b'`);
    await sql('update wide set id = 2');
    await sql(`update wide set body = 'short'`);
    const rows = (await readTransactions(stream, 3)).filter(isRow);
    expect(rows.map(brief)).toEqual([
      ['update', 'wide', { row: ['1', 'b', UNCHANGED], oldKey: null, oldRow: null }],
      ['update', 'wide', { row: ['2', 'b', UNCHANGED], oldKey: ['1', null, null], oldRow: null }],
      ['update', 'wide', { row: ['2', 'b', 'short'], oldKey: null, oldRow: null }],
    ]);
    expect(rows.map(keyReader(['id']))).toEqual([{ key: ['1'] }, { key: ['2'], oldKey: ['1'] }, { key: ['2'] }]);
  });

  test('say the key that is itself stored out of line', async () => {
    const { sql, slot, open } = source();
    await sql('create table long_keys (id text primary key, n int, filler text)');
    await sql('alter table long_keys alter id set storage external');
    const key = 'k'.repeat(2_500);
    await sql(`insert into long_keys values ($1, 1, 'f')`, [key]);
    const stream = await open(await slot('long_keys', 'table long_keys'));
    await sql('update long_keys set n = 2');
    const [update] = (await readTransactions(stream, 1)).filter(isRow);
    if (update?.kind !== 'update') throw new Error('not an update');
    expect(update.row).toEqual([UNCHANGED, '2', 'f']);
    expect(keyReader(['id'])(update)).toEqual({ key: [key] });
  });

  test('of composite keys, quoted names and other schemas are read by name', async () => {
    const { sql, slot, open } = source();
    await sql('create schema "Sales ""x"""');
    await sql(
      'create table "Sales ""x""".orders ("Order No" int, note text, region text, primary key (region, "Order No"))',
    );
    const stream = await open(await slot('quoted', 'table "Sales ""x""".orders'));
    await sql(`insert into "Sales ""x""".orders values (7, 'n', 'eu')`);
    await sql(`update "Sales ""x""".orders set region = 'us'`);
    await sql(`delete from "Sales ""x""".orders`);
    const rows = (await readTransactions(stream, 3)).filter(isRow);
    expect(rows[0]?.relation).toMatchObject({ schema: 'Sales "x"', name: 'orders', identity: 'default' });
    const keyOf = keyReader(['region', 'Order No']);
    expect(rows.map(keyOf)).toEqual([
      { key: ['eu', '7'] },
      { key: ['us', '7'], oldKey: ['eu', '7'] },
      { key: ['us', '7'] },
    ]);
  });

  test('hold the whole old row with identity full, and the indexed columns with identity index', async () => {
    const { sql, slot, open } = source();
    await sql('create table whole_rows (a int, b text); alter table whole_rows replica identity full');
    await sql('create table by_index (a int primary key, code text not null unique, b text)');
    await sql('alter table by_index replica identity using index by_index_code_key');
    const stream = await open(await slot('identities', 'table whole_rows, by_index'));
    await sql(`insert into whole_rows values (1, null); insert into by_index values (1, 'x', 'y')`);
    await sql(`update whole_rows set b = 'z'; delete from whole_rows`);
    await sql(`update by_index set code = 'w'; delete from by_index`);
    const rows = (await readTransactions(stream, 3)).filter(isRow).slice(2);
    expect(rows.map(brief)).toEqual([
      ['update', 'whole_rows', { row: ['1', 'z'], oldKey: null, oldRow: ['1', null] }],
      ['delete', 'whole_rows', { oldKey: null, oldRow: ['1', 'z'] }],
      ['update', 'by_index', { row: ['1', 'w', 'y'], oldKey: [null, 'x', null], oldRow: null }],
      ['delete', 'by_index', { oldKey: [null, 'w', null], oldRow: null }],
    ]);
    expect(rows.slice(2).map(keyReader(['code']))).toEqual([{ key: ['w'], oldKey: ['x'] }, { key: ['w'] }]);
    const deleted = rows[3];
    if (!deleted) throw new Error('no delete');
    expect(() => keyReader(['a'])(deleted)).toThrow('not part of the replica identity');
  });

  test('keep the columns that a table had when they were made', async () => {
    const { sql, slot, open } = source();
    await sql('create table shifting (id int primary key, a text)');
    const identity = await slot('shifting', 'table shifting');
    await sql(`insert into shifting values (1, 'old')`);
    await sql('alter table shifting add column b int default 5');
    await sql(`insert into shifting values (2, 'both', 6)`);
    await sql('alter table shifting drop column a');
    await sql('insert into shifting values (3, 7)');
    await sql('alter table shifting rename to shifted');
    await sql('insert into shifted values (4, 8)');
    const rows = (await readTransactions(await open(identity), 4)).filter(isRow);
    expect(
      rows.map(({ relation, ...row }) => [
        relation.name,
        relation.columns.map(({ name }) => name),
        'row' in row && row.row,
      ]),
    ).toEqual([
      ['shifting', ['id', 'a'], ['1', 'old']],
      ['shifting', ['id', 'a', 'b'], ['2', 'both', '6']],
      ['shifting', ['id', 'b'], ['3', '7']],
      ['shifted', ['id', 'b'], ['4', '8']],
    ]);
  });

  test('include truncates with their options', async () => {
    const { sql, slot, open } = source();
    await sql(
      'create table parents (id int primary key); create table children (id int primary key references parents)',
    );
    const stream = await open(await slot('truncates', 'table parents, children'));
    await sql('truncate children restart identity');
    await sql('truncate parents cascade');
    const events = (await readTransactions(stream, 2)).filter(({ kind }) => kind === 'truncate');
    expect(events.map(brief)).toEqual([
      ['truncate', 'children', false, true],
      ['truncate', 'parents', 'children', true, false],
    ]);
  });

  test('stand beside logical messages: inside their transaction, or between two when they are of none', async () => {
    const { sql, slot, open, client } = source();
    await sql('create table talk (id int primary key)');
    const stream = await open(await slot('messages', 'table talk'));
    const other = await client();
    await other.query(`begin; insert into talk values (1); select pg_logical_emit_message(true, 'inside', 'ü')`);
    await sql(`select pg_logical_emit_message(false, 'outside', 'now')`);
    await sql(`select pg_logical_emit_message(true, 'alone', '')`);
    await other.query('commit');
    const events = await readTransactions(stream, 2);
    expect(events.map(brief)).toEqual([
      ['message', 'outside', 'now', false],
      'begin',
      ['message', 'alone', '', true],
      'commit',
      'begin',
      ['insert', 'talk', '1'],
      ['message', 'inside', 'ü', true],
      'commit',
    ]);
    const [outside] = events;
    if (outside?.kind !== 'message') throw new Error('no message');
    stream.acknowledge(outside.lsn);
  });

  test('name the origin of a transaction that has one', async () => {
    const { sql, slot, open, client } = source();
    await sql('create table replicated (id int primary key)');
    const identity = await slot('origins', 'table replicated');
    await sql(`select pg_replication_origin_create('origin of us')`);
    const ours = await client();
    await ours.query(`select pg_replication_origin_session_setup('origin of us')`);
    await ours.query('insert into replicated values (1)');
    await sql('insert into replicated values (2)');
    const stream = await open(identity, { withoutOrigins: true });
    const begins = (await readTransactions(stream, stream.filtersOrigins ? 1 : 2)).filter(
      ({ kind }) => kind === 'begin',
    );
    expect(begins).toMatchObject(
      stream.filtersOrigins ? [{ origin: null }] : [{ origin: 'origin of us' }, { origin: null }],
    );
    await stream.close();
    const all = await readTransactions(await open(identity), 2);
    expect(all.filter(({ kind }) => kind === 'begin')).toMatchObject([{ origin: 'origin of us' }, { origin: null }]);
    await ours.end();
    await sql(`select pg_replication_origin_drop('origin of us')`);
  });

  test('print a value the same way whatever the role has set', async () => {
    const { sql, slot, open, database } = source();
    await sql(`alter database ${database.name} set datestyle to 'German'`);
    await sql(`alter database ${database.name} set timezone to 'Asia/Kolkata'`);
    await sql('create table moments (at timestamptz primary key, f float8, b bytea)');
    const stream = await open(await slot('moments', 'table moments'));
    await sql(`insert into moments values ('2026-01-02 03:04:05.678+00', 0.1::float8 + 0.2, '\\x00ff')`);
    expect((await readTransactions(stream, 1)).filter(isRow).map(brief)).toEqual([
      ['insert', 'moments', '2026-01-02 03:04:05.678+00', '0.30000000000000004', '\\x00ff'],
    ]);
  });
});
