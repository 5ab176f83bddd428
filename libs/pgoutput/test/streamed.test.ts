import { mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres, waitFor, type StartedPostgres } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RowEvent, StreamEvent } from '../src/index.js';
import { endOf, readTransactions, readUntil, useSource } from './support/source.js';

/** The server sends a transaction before its end once it holds more than this. */
const SETTINGS = { logical_decoding_work_mem: '64kB' };
/** Rows that are more than that. */
const MANY = 3_000;

const directories: string[] = [];
const spoolDirectory = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'switchyard-spool-'));
  directories.push(directory);
  return directory;
};
afterAll(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true, force: true }))));

const rowsOf = (events: readonly StreamEvent[]): string[] =>
  events
    .filter((event): event is RowEvent => 'relation' in event)
    .map((event) => ('row' in event ? event.row.slice(0, 2).join(' ') : `delete ${String(event.oldKey?.[0])}`));

const fill = (from: number, count = MANY, note = 'n'): string =>
  `insert into rows_of_many select i, '${note}', repeat('x', 60) from generate_series(${from}, ${from + count - 1}) i;`;

const expected = (from: number, count = MANY, note = 'n'): string[] =>
  Array.from({ length: count }, (_, i) => `${from + i} ${note}`);

describe.each([
  ['15', { major: 15, settings: SETTINGS } as const],
  ['the newest', { settings: SETTINGS }],
])('large transactions of PostgreSQL %s', (_major, options) => {
  let server: StartedPostgres | undefined;
  beforeAll(async () => {
    server = await startPostgres(options);
  });
  afterAll(() => server?.stop());
  const source = useSource(() => {
    if (server === undefined) throw new Error('the server is not there yet');
    return server;
  });

  test('are kept in private files until they commit, then come whole and in commit order', async () => {
    const { sql, slot, open, client } = source();
    await sql('create table rows_of_many (id int primary key, note text, filler text)');
    const directory = await spoolDirectory();
    const stream = await open(await slot('streamed', 'table rows_of_many'), { spool: { directory } });
    const large = await client();
    await large.query(`begin; ${fill(1)}`);
    const file = await waitFor(async () => (await readdir(directory))[0], { what: 'a file of the open transaction' });
    expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
    await sql(`insert into rows_of_many values (0, 'small')`);
    const first = await readTransactions(stream, 1);
    expect(rowsOf(first)).toEqual(['0 small']);
    await large.query(`update rows_of_many set note = 'changed' where id = 1; commit`);
    const second = await readTransactions(stream, 1);
    expect(second[0]).toMatchObject({ kind: 'begin', origin: undefined });
    expect(rowsOf(second)).toEqual([...expected(1), '1 changed']);
    expect(endOf(second)).toBeGreaterThan(endOf(first));
    await sql('truncate rows_of_many');
    expect((await readTransactions(stream, 1)).map(({ kind }) => kind)).toEqual(['begin', 'truncate', 'commit']);
    expect(await readdir(directory)).toEqual([]);
  });

  test('are gone when they are rolled back, and so are parts of them', async () => {
    const { sql, slot, open, client } = source();
    await sql(
      'drop table if exists rows_of_many; create table rows_of_many (id int primary key, note text, filler text)',
    );
    const directory = await spoolDirectory();
    const stream = await open(await slot('rolled_back', 'table rows_of_many'), { spool: { directory } });
    const [whole, part] = [await client(), await client()];
    await whole.query(`begin; ${fill(100_000)}`);
    await part.query(`begin; savepoint a; ${fill(1)} rollback to a; ${fill(10_000)}`);
    await part.query(`savepoint b; ${fill(20_000)} savepoint c; ${fill(30_000)} release c; rollback to b`);
    await part.query(`savepoint d; ${fill(40_000)} release d; insert into rows_of_many values (0, 'last')`);
    await waitFor(async () => (await readdir(directory)).length === 2, { what: 'files of both transactions' });
    await whole.query('rollback');
    await part.query('commit');
    const events = await readTransactions(stream, 1);
    expect(rowsOf(events)).toEqual([...expected(10_000), ...expected(40_000), '0 last']);
    await waitFor(async () => (await readdir(directory)).length === 0, { what: 'the end of the files' });
  });

  test('know their tables although the part that met them first was rolled back, and change with them', async () => {
    const { sql, slot, open, client } = source();
    await sql(
      'drop table if exists rows_of_many; create table rows_of_many (id int primary key, note text, filler text)',
    );
    const stream = await open(await slot('described', 'table rows_of_many'), {
      spool: { directory: await spoolDirectory() },
    });
    const large = await client();
    await large.query(`begin; savepoint a; ${fill(1)} rollback to a; ${fill(1)}`);
    await large.query(
      `savepoint b; alter table rows_of_many add column more int default 1; ${fill(10_000)} rollback to b`,
    );
    await large.query(`${fill(20_000)} alter table rows_of_many drop column filler`);
    await large.query(
      `insert into rows_of_many select i, 'narrow' from generate_series(50001, ${50_000 + MANY}) i; commit`,
    );
    await sql(`insert into rows_of_many values (0, 'after')`);
    const events = await readTransactions(stream, 2);
    expect(rowsOf(events)).toEqual([
      ...expected(1),
      ...expected(20_000),
      ...expected(50_001, MANY, 'narrow'),
      '0 after',
    ]);
    const widths = new Set(events.flatMap((event) => ('relation' in event ? [event.relation.columns.length] : [])));
    expect([...widths]).toEqual([3, 2]);
  });

  test('carry messages as small ones do; their origin is not known, and can only be filtered by the server', async () => {
    const { sql, slot, open, client } = source();
    await sql(
      'drop table if exists rows_of_many; create table rows_of_many (id int primary key, note text, filler text)',
    );
    const identity = await slot('with_origin', 'table rows_of_many');
    const spool = { directory: await spoolDirectory() };
    const stream = await open(identity, { spool });
    const name = `from ${_major}`;
    await sql('select pg_replication_origin_create($1)', [name]);
    const ours = await client();
    await ours.query('select pg_replication_origin_session_setup($1)', [name]);
    await ours.query(`begin; select pg_logical_emit_message(true, 'p', 'inside'); ${fill(1)} commit`);
    await sql(`select pg_logical_emit_message(true, 'p', 'after')`);
    const events = await readTransactions(stream, 2);
    expect(events[0]).toMatchObject({ kind: 'begin', origin: undefined });
    expect(events.flatMap((event) => (event.kind === 'message' ? [event.content.toString()] : []))).toEqual([
      'inside',
      'after',
    ]);
    expect(rowsOf(events)).toEqual(expected(1));
    await ours.end();
    await stream.close();
    const filtered = open(identity, { spool, withoutOrigins: true });
    if (_major === '15') await expect(filtered).rejects.toMatchObject({ code: 'PreflightRefused' });
    else
      expect((await readTransactions(await filtered, 1))[1]).toMatchObject({
        prefix: 'p',
        content: Buffer.from('after'),
      });
  });

  test('come again, whole, when the stream ended before they were acknowledged; old files are removed', async () => {
    const { sql, slot, open, client } = source();
    await sql(
      'drop table if exists rows_of_many; create table rows_of_many (id int primary key, note text, filler text)',
    );
    const directory = await spoolDirectory();
    const identity = await slot('again', 'table rows_of_many');
    await writeFile(join(directory, 'again.999.spool'), 'left by a killed process');
    await writeFile(join(directory, 'other_slot.999.spool'), 'of somebody else');
    const stream = await open(identity, { spool: { directory } });
    const large = await client();
    await large.query(`begin; ${fill(1)}`);
    await waitFor(async () => (await readdir(directory)).length === 2, { what: 'the file of the open transaction' });
    expect(await readdir(directory)).not.toContain('again.999.spool');
    await stream.close();
    expect(await readdir(directory)).toEqual(['other_slot.999.spool']);
    await large.query('commit');
    const events = await readTransactions(await open(identity, { spool: { directory } }), 1);
    expect(rowsOf(events)).toEqual(expected(1));
  });

  test('end the stream, and are not skipped, when their file was cut', async () => {
    const { sql, slot, open, client } = source();
    await sql(
      'drop table if exists rows_of_many; create table rows_of_many (id int primary key, note text, filler text)',
    );
    const directory = await spoolDirectory();
    const identity = await slot('damaged', 'table rows_of_many');
    const damaged = await open(identity, { spool: { directory } });
    const large = await client();
    await large.query(`begin; ${fill(1)}`);
    const file = join(directory, await waitFor(async () => (await readdir(directory))[0], { what: 'the file' }));
    // One that is shorter yet would only be made longer, and then written as it should be.
    await waitFor(async () => (await stat(file)).size > 10_000, { what: 'enough to cut off' });
    await truncate(file, 10_000);
    await large.query('commit');
    const cut = readUntil(damaged, ({ kind }) => kind === 'commit');
    await expect(cut).rejects.toMatchObject({ code: 'Internal', message: expect.stringContaining('cannot be') });

    const events = await readTransactions(await open(identity, { spool: { directory } }), 1);
    expect(rowsOf(events)).toEqual(expected(1));
  });

  test('end the stream when their file cannot be written', async () => {
    const { sql, slot, open } = source();
    await sql(
      'drop table if exists rows_of_many; create table rows_of_many (id int primary key, note text, filler text)',
    );
    const directory = await spoolDirectory();
    const identity = await slot('unwritten', 'table rows_of_many');
    const stream = await open(identity, { spool: { directory } });
    await rm(directory, { recursive: true });
    await sql(fill(1));
    const reading = readUntil(stream, ({ kind }) => kind === 'commit');
    await expect(reading).rejects.toMatchObject({ code: 'Internal', retryable: true, details: { errno: 'ENOENT' } });
    const events = await readTransactions(await open(identity, { spool: { directory } }), 1);
    expect(rowsOf(events)).toEqual(expected(1));
  });
});
