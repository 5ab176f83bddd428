import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTestDatabase, startPostgres, waitFor, type StartedPostgres } from '@switchyard/testkit';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  parseLsn,
  slotState,
  type ChangeStream,
  type IdleEvent,
  type QueryPort,
  type StreamEvent,
} from '../src/index.js';
import { endOf, readTransactions, readUntil, useSource } from './support/source.js';

const SETTINGS = { wal_sender_timeout: '1s', logical_decoding_work_mem: '64kB' };
/** Several status updates go by in this time. */
const A_WHILE_MS = 1_500;
const MEBIBYTE = 1024 * 1024;

const idsOf = (events: readonly StreamEvent[]): unknown[] =>
  events.flatMap((event) => (event.kind === 'insert' ? [Number(event.row[0])] : []));

describe.each([
  ['15', { major: 15, settings: SETTINGS } as const],
  ['the newest', { settings: SETTINGS }],
])('the position that PostgreSQL %s is told', (_major, options) => {
  let server: StartedPostgres | undefined;
  const given = (): StartedPostgres => {
    if (server === undefined) throw new Error('the server is not there yet');
    return server;
  };
  beforeAll(async () => {
    server = await startPostgres(options);
  });
  afterAll(() => server?.stop());
  const source = useSource(given);
  const db = (): QueryPort => ({ query: async (text, values) => ({ rows: await source().sql(text, values) }) });
  const confirmed = async (slot: string): Promise<bigint> => (await slotState(db(), slot))?.confirmedFlushLsn ?? 0n;
  /** Writes `mebibytes` of log in another database of the cluster. */
  const writeElsewhere = async (mebibytes: number): Promise<void> => {
    const other = await createTestDatabase({ server: given() });
    const client = new pg.Client({ connectionString: other.url });
    await client.connect();
    await client.query('create table noise as select 1 as n');
    for (let i = 0; i < mebibytes; i++)
      await client.query(`select pg_logical_emit_message(true, 'noise', repeat('x', ${MEBIBYTE}))`);
    await client.query(`set synchronous_commit to on; insert into noise values (2)`);
    await client.end();
    await other.drop();
  };

  test('is what was acknowledged: everything else comes again, and nothing of it', async () => {
    const { sql, slot, open } = source();
    await sql('create table counted (id int primary key)');
    const identity = await slot('counted', 'table counted');
    for (let id = 1; id <= 6; id++) await sql('insert into counted values ($1)', [id]);

    const first = await open(identity);
    const two = await readTransactions(first, 2);
    const four = await readTransactions(first, 2);
    first.acknowledge(endOf(two));
    await first.close();
    expect(await confirmed('counted')).toBe(endOf(two));
    expect(idsOf(four)).toEqual([3, 4]);

    const second = await open(identity, { applied: endOf(two) });
    const again = await readTransactions(second, 4);
    expect(idsOf(again)).toEqual([3, 4, 5, 6]);
    second.acknowledge(endOf(again));
    second.acknowledge(endOf(two)); // never back
    await waitFor(async () => (await confirmed('counted')) === endOf(again), { what: 'the news at the server' });
    await second.close();
    await sql('insert into counted values (7)');
    expect(idsOf(await readTransactions(await open(identity, { applied: endOf(again) }), 1))).toEqual([7]);
  });

  test('may be behind what the caller stored: the stream begins where the caller is', async () => {
    const { sql, slot, open } = source();
    await sql('create table stored (id int primary key)');
    const identity = await slot('stored', 'table stored');
    for (let id = 1; id <= 3; id++) await sql('insert into stored values ($1)', [id]);
    const first = await open(identity);
    const applied = endOf(await readTransactions(first, 2));
    await first.close(); // stored, and not acknowledged before the worker was killed
    expect(await confirmed('stored')).toBe(parseLsn(identity.createdAt));
    expect(idsOf(await readTransactions(await open(identity, { applied }), 1))).toEqual([3]);
  });

  test('never is what was only received, however long nobody acknowledges', async () => {
    const { sql, slot, open } = source();
    await sql('create table unheard (id int primary key)');
    const identity = await slot('unheard', 'table unheard');
    const stream = await open(identity, { idleBytes: 1 });
    await sql('insert into unheard values (1)');
    await readTransactions(stream, 1);
    await writeElsewhere(1);
    const next = stream.next();
    await sleep(A_WHILE_MS);
    expect(await confirmed('unheard')).toBe(parseLsn(identity.createdAt));
    await sql('insert into unheard values (2)');
    expect(idsOf((await next).value ?? [])).toEqual([2]);
  });

  test('is refused when it was not delivered yet', async () => {
    const { sql, slot, open } = source();
    await sql('create table eager (id int primary key)');
    const stream = await open(await slot('eager', 'table eager'));
    await sql('insert into eager values (1)');
    const end = endOf(await readTransactions(stream, 1));
    expect(() => stream.acknowledge(end + 1n)).toThrow('was not delivered yet');
    stream.acknowledge(end);
  });

  describe('while nothing of ours is written', () => {
    const nextIdle = async (stream: ChangeStream): Promise<IdleEvent> => {
      const idle = (await readUntil(stream, ({ kind }) => kind === 'idle')).at(-1);
      if (idle?.kind !== 'idle') throw new Error('not an idle event');
      return idle;
    };

    test('follows what others wrote, once it is worth it and only when it is acknowledged', async () => {
      const { slot, open, sql } = source();
      await sql('create table quiet (id int primary key)');
      const identity = await slot('quiet', 'table quiet');
      const stream = await open(identity, { idleBytes: 2 * MEBIBYTE });
      await writeElsewhere(1);
      const next = nextIdle(stream);
      await sleep(A_WHILE_MS);
      expect(await confirmed('quiet')).toBe(parseLsn(identity.createdAt));
      await writeElsewhere(2);
      const { lsn } = await next;
      expect(lsn - parseLsn(identity.createdAt)).toBeGreaterThan(2n * BigInt(MEBIBYTE));
      expect(await confirmed('quiet')).toBe(parseLsn(identity.createdAt));
      stream.acknowledge(lsn);
      await waitFor(async () => (await confirmed('quiet')) === lsn, { what: 'the news at the server' });
      await stream.close();
      await sql('insert into quiet values (1)');
      expect(idsOf(await readTransactions(await open(identity, { applied: lsn }), 1))).toEqual([1]);
    });

    test('waits for transactions that were delivered and not acknowledged', async () => {
      const { sql, slot, open } = source();
      await sql('create table pending (id int primary key)');
      const stream = await open(await slot('pending', 'table pending'), { idleBytes: 1 });
      await sql('insert into pending values (1)');
      const events = await readUntil(stream, ({ kind }) => kind === 'commit');
      await writeElsewhere(1);
      const next = nextIdle(stream);
      await sleep(A_WHILE_MS);
      stream.acknowledge(endOf(events));
      expect((await next).lsn).toBeGreaterThan(endOf(events) + BigInt(MEBIBYTE));
    });

    test('waits for the end of a transaction that is being sent before its end', async () => {
      const { sql, slot, open, client } = source();
      await sql('create table halfway (id int primary key, filler text)');
      const directory = await mkdtemp(join(tmpdir(), 'switchyard-spool-'));
      const identity = await slot('halfway', 'table halfway');
      const stream = await open(identity, { idleBytes: 1, spool: { directory } });
      const large = await client();
      await large.query(`begin; insert into halfway select i, repeat('x', 60) from generate_series(1, 3000) i`);
      await waitFor(async () => (await readdir(directory)).length === 1, { what: 'the file of the open transaction' });
      await writeElsewhere(1);
      const seen: StreamEvent[] = [];
      const reading = readUntil(stream, (event) => {
        seen.push(event);
        return event.kind === 'commit' || (event.kind === 'idle' && event.lsn > 0n);
      });
      await sleep(A_WHILE_MS);
      const before = seen.filter(({ kind }) => kind === 'idle');
      await large.query('commit');
      expect(idsOf(await reading)).toHaveLength(3_000);
      expect(before).toEqual([]);
      await stream.close();
      await rm(directory, { recursive: true });
    });
  });

  test('keeps the connection of a consumer that stands still, with a bounded amount in memory', async () => {
    const { sql, slot, open } = source();
    await sql('create table backlog (id int primary key, filler text)');
    const identity = await slot('backlog', 'table backlog');
    const rows = 100_000;
    await sql(`insert into backlog select i, repeat('x', 300) from generate_series(1, ${rows}) i`);
    const paused: number[] = [];
    const resumed: number[] = [];
    let received = 0;
    const bufferBytes = 2 * MEBIBYTE;
    const stream = await open(identity, {
      bufferBytes,
      listeners: {
        paused: ({ bufferedBytes }) => paused.push(bufferedBytes),
        resumed: ({ pausedMs }) => resumed.push(pausedMs),
        received: ({ bytes }) => (received += bytes),
      },
    });
    await waitFor(() => paused.length > 0, { what: 'the pause' });
    const pid = (await slotState(db(), 'backlog'))?.activePid;
    await sleep(2 * A_WHILE_MS); // three times the time after which the server gives up on a silent reader
    const whenPaused = received;
    expect((await slotState(db(), 'backlog'))?.activePid).toBe(pid);
    expect(whenPaused).toBeLessThan(bufferBytes);
    const ids = idsOf(await readTransactions(stream, 1));
    expect(ids).toEqual(Array.from({ length: rows }, (_, i) => i + 1));
    expect(received).toBeGreaterThan(10 * bufferBytes);
    expect(Math.max(...paused)).toBeLessThan(bufferBytes + 2 * MEBIBYTE);
    expect(Math.max(...resumed)).toBeGreaterThan(0);
  });
});
