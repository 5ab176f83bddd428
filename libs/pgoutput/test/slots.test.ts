import { setTimeout as sleep } from 'node:timers/promises';
import { Secret } from '@switchyard/shared-db';
import { startPostgres, waitFor, type StartedPostgres } from '@switchyard/testkit';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  checkSlot,
  createSlot,
  dropSlot,
  formatLsn,
  identifySystem,
  parseLsn,
  slotState,
  type StreamLostError,
  type Blocker,
  type QueryPort,
  type SlotIdentity,
} from '../src/index.js';
import { APPLICATION, endOf, readTransactions, readUntil, rejection, useSource } from './support/source.js';

const SETTINGS = {
  max_prepared_transactions: '5',
  wal_sender_timeout: '2s',
  max_slot_wal_keep_size: '32MB',
  min_wal_size: '32MB',
  max_wal_size: '64MB',
};

async function clientOf(url: URL): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  return client;
}

describe.each([
  ['15', { major: 15, settings: SETTINGS } as const],
  ['the newest', { settings: SETTINGS }],
])('a slot of PostgreSQL %s', (major, options) => {
  let server: StartedPostgres | undefined;
  beforeAll(async () => {
    server = await startPostgres(options);
  });
  afterAll(() => server?.stop());
  const source = useSource(() => {
    if (server === undefined) throw new Error('the server is not there yet');
    return server;
  });
  const slots = async (): Promise<unknown[]> =>
    (await source().sql('select slot_name from pg_replication_slots where database = current_database()')).map(
      (row) => row['slot_name'],
    );
  const ports = async (): Promise<{ session: QueryPort; observer: QueryPort }> => ({
    session: await source().client(),
    observer: await source().client(),
  });
  const db = (): QueryPort => ({ query: async (text, values) => ({ rows: await source().sql(text, values) }) });

  test('is made for publications that exist, and says where it begins', async () => {
    const { sql, slot } = source();
    const before = await sql('select pg_current_wal_lsn()::text as lsn');
    const identity = await slot('made');
    expect(identity).toMatchObject({ slot: 'made', ...(await identifySystem(db())) });
    expect(identity.systemId).toMatch(/^\d{19}$/);
    expect(parseLsn(identity.createdAt)).toBeGreaterThanOrEqual(parseLsn(String(before[0]?.['lsn'])));
    expect(await slotState(db(), 'made')).toMatchObject({
      plugin: 'pgoutput',
      isActive: false,
      activePid: null,
      confirmedFlushLsn: parseLsn(identity.createdAt),
      walStatus: 'reserved',
      invalidationReason: null,
    });
    expect(await dropSlot(db(), 'made')).toBe(true);
    expect(await dropSlot(db(), 'made')).toBe(false);
    expect(await slotState(db(), 'made')).toBeUndefined();
  });

  test('is refused before its publication, under a name that exists, and under one that cannot be', async () => {
    const { sql } = source();
    const given = await ports();
    const missing = createSlot({ slot: 'early', publications: ['not_yet', 'made'], ...given });
    await expect(missing).rejects.toMatchObject({ code: 'NotFound', details: { publications: ['not_yet'] } });
    await sql('create publication twice for all tables');
    await createSlot({ slot: 'twice', publications: ['twice'], ...given });
    const again = createSlot({ slot: 'twice', publications: ['twice'], ...given });
    await expect(again).rejects.toMatchObject({ code: 'PreflightRefused' });
    const named = createSlot({ slot: 'Wrong-Name', publications: ['twice'], ...given });
    await expect(named).rejects.toMatchObject({ code: 'InvalidInput' });
    expect(await slots()).toEqual(['twice']);
  });

  test('is refused when the server has no room for it', async () => {
    const { sql, slot } = source();
    await slot('last_of_twenty');
    const fillers = Array.from({ length: 19 }, (_, i) => `filler_${i}`);
    await sql('select pg_create_physical_replication_slot(name) from unnest($1::text[]) as n(name)', [fillers]);
    const refused = createSlot({ slot: 'too_many', publications: ['last_of_twenty'], ...(await ports()) });
    await expect(refused).rejects.toMatchObject({
      code: 'PreflightRefused',
      message: expect.stringContaining('max_replication_slots'),
    });
    await sql('select pg_drop_replication_slot(name) from unnest($1::text[]) as n(name)', [fillers]);
  });

  test('waits for transactions that write, and names them while it does', async () => {
    const { sql, client } = source();
    await sql('create table if not exists in_the_way (id int); create publication patient for table in_the_way');
    const writer = await client();
    await writer.query(`set application_name to 'the writer'; begin; insert into in_the_way values (1)`);
    const { rows } = await writer.query<{ pid: number }>('select pg_backend_pid() as pid');
    const preparing = await client();
    await preparing.query(`begin; insert into in_the_way values (2); prepare transaction 'left over'`);
    const seen: Blocker[][] = [];
    const making = createSlot({
      slot: 'patient',
      publications: ['patient'],
      ...(await ports()),
      onBlocked: (blockers) => {
        seen.push([...blockers]);
        throw new Error('a listener cannot do harm');
      },
    });
    const blocker = await waitFor(() => seen.flat().find(({ pid }) => pid !== null), { what: 'a session in the way' });
    expect(blocker).toMatchObject({ pid: rows[0]?.pid, name: 'the writer', state: 'idle in transaction' });
    expect(blocker.seconds).toBeGreaterThan(0);
    await writer.query('commit');
    const prepared = await waitFor(() => seen.flat().find(({ pid }) => pid === null), { what: 'the prepared one' });
    expect(prepared).toMatchObject({ name: 'left over', state: 'prepared' });
    await sql(`commit prepared 'left over'`);
    await making;
  });

  test('that is not made in time, or no longer wanted, leaves nothing behind', async () => {
    const { sql, client } = source();
    await sql('create publication hasty for all tables');
    const writer = await client();
    await writer.query('begin; select pg_current_xact_id()');
    const given = await ports();
    const late = createSlot({ slot: 'hasty', publications: ['hasty'], ...given, waitMs: 600 });
    await expect(late).rejects.toMatchObject({
      code: 'LockUnavailable',
      message: expect.stringContaining('within 600 ms'),
      details: { blockers: [{ state: 'idle in transaction' }] },
    });
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    const unwanted = createSlot({
      slot: 'hasty',
      publications: ['hasty'],
      ...given,
      onBlocked: () => controller.abort(reason),
      signal: controller.signal,
    });
    await expect(unwanted).rejects.toBe(reason);
    expect(await slots()).toEqual([]);
    const settings = await given.session.query(`select current_setting('statement_timeout') as timeout`);
    expect(settings.rows).toEqual([{ timeout: '0' }]);
    await writer.query('rollback');
  });

  test('is made and read by a role that may replicate and is no superuser', async () => {
    const { sql, connection, open, database } = source();
    await sql(`create role replicator login replication password 'secret of a test'`);
    await sql('create table if not exists owned (id int primary key); create publication modest for table owned');
    const url = new URL(database.url);
    url.username = 'replicator';
    url.password = 'secret of a test';
    const [session, observer] = await Promise.all([clientOf(url), clientOf(url)]);
    try {
      const identity = await createSlot({ slot: 'modest', publications: ['modest'], session, observer });
      const login = { ...connection, user: 'replicator', password: new Secret('secret of a test') };
      const stream = await open(identity, { connection: login });
      await sql('insert into owned values (1)');
      await readTransactions(stream, 1);
      await stream.close();
      expect(await dropSlot(session, 'modest')).toBe(true);
    } finally {
      await Promise.all([session.end(), observer.end()]);
      await sql('drop role replicator');
    }
  });

  test('is read by one at a time, and the second one is told by whom', async () => {
    const { slot, open } = source();
    const identity = await slot('single');
    const first = await open(identity);
    const pid = (await slotState(db(), 'single'))?.activePid;
    const second = open(identity, { lockWaitMs: 200 });
    await expect(second).rejects.toMatchObject({
      code: 'LockUnavailable',
      message: expect.stringContaining(`process ${pid} of ${APPLICATION} at 127.0.0.1`),
      details: { holders: [{ pid, application: APPLICATION }] },
    });
    // The second one comes to its turn when the first one ends.
    const waiting = open(identity, { lockWaitMs: 30_000 });
    await sleep(50);
    await first.close();
    await (await waiting).close();
  });

  test('is only dropped when nobody reads it, unless its reader is to be ended', async () => {
    const { slot, open } = source();
    const stream = await open(await slot('busy'));
    const pid = (await slotState(db(), 'busy'))?.activePid;
    const refused = dropSlot(db(), 'busy', { waitMs: 150 });
    await expect(refused).rejects.toMatchObject({ code: 'LockUnavailable', details: { slot: 'busy', pid } });
    const reading = stream.next();
    const lost = rejection(reading);
    expect(await dropSlot(db(), 'busy', { terminate: true })).toBe(true);
    expect(await lost).toMatchObject({ code: 'DatabaseUnreachable' });
    const aborted = dropSlot(db(), 'busy', { signal: AbortSignal.abort(new Error('not wanted')) });
    await expect(aborted).rejects.toThrow('not wanted');
  });

  describe('cannot be followed without a gap', () => {
    /** The reason that the check gives, and that keeps a stream from being opened. */
    const reason = async (identity: SlotIdentity, applied = parseLsn(identity.createdAt)): Promise<unknown> => {
      const found = await rejection(checkSlot(db(), identity, applied));
      expect(found).toMatchObject({ code: 'StreamLost', details: { slot: identity.slot } });
      expect(await rejection(source().open(identity, { applied }))).toEqual(found);
      return (found as StreamLostError).reason;
    };

    test('when it is missing, and the stream is not opened', async () => {
      const identity = await source().slot('missing');
      await dropSlot(db(), 'missing');
      expect(await reason(identity)).toBe('slot-missing');
    });

    test('when it was dropped and made again behind our back', async () => {
      const { sql, slot, open } = source();
      await sql('create table if not exists gaps (id int primary key)');
      const identity = await slot('remade', 'table gaps');
      await sql('insert into gaps values (1)');
      const stream = await open(identity);
      const applied = endOf(await readTransactions(stream, 1));
      stream.acknowledge(applied);
      await stream.close();
      await dropSlot(db(), 'remade');
      await sql('insert into gaps values (2)');
      await createSlot({ slot: 'remade', publications: ['remade'], ...(await ports()) });
      expect(await reason(identity, applied)).toBe('slot-recreated');
    });

    test('when it was moved past what was applied', async () => {
      const { sql, slot } = source();
      const identity = await slot('moved');
      await checkSlot(db(), identity, parseLsn(identity.createdAt));
      await sql(`select pg_logical_emit_message(true, 'p', 'c')`);
      await sql('select pg_switch_wal()'); // what is not on disk cannot be passed
      await sql(`select pg_replication_slot_advance('moved', pg_current_wal_flush_lsn())`);
      expect(await reason(identity)).toBe('slot-advanced');
    });

    test('on another cluster or timeline', async () => {
      const identity = await source().slot('elsewhere');
      expect(await reason({ ...identity, systemId: '7000000000000000000' })).toBe('other-system');
      expect(await reason({ ...identity, timeline: identity.timeline + 1 })).toBe('other-timeline');
      expect(await reason({ ...identity, createdAt: formatLsn(parseLsn(identity.createdAt) + 1_000n) })).toBe(
        'slot-recreated',
      );
    });

    test('when the server gave it up because it kept too much, also while it was read', async () => {
      const { sql, slot, open } = source();
      await sql('create table if not exists gaps (id int primary key)');
      const identity = await slot('greedy', 'table gaps');
      const unread = await slot('unread', 'table gaps');
      const stream = await open(identity);
      await sql('insert into gaps values (20)');
      await readTransactions(stream, 1); // and it is never acknowledged
      const end = rejection(readUntil(stream, () => false));
      for (let i = 0; i < 6; i++) {
        await sql(`select pg_logical_emit_message(false, 'fill', repeat('x', 12 * 1024 * 1024))`);
        await sql('select pg_switch_wal()');
      }
      await sql('checkpoint');
      for (const name of ['unread', 'greedy']) {
        await waitFor(async () => (await slotState(db(), name))?.walStatus === 'lost', { what: `the loss of ${name}` });
      }
      expect(await end).toMatchObject({ code: 'DatabaseUnreachable' });
      expect(await reason(unread)).toBe('slot-lost');
      expect(await reason(identity)).toBe('slot-lost');
    });

    test('after its publication is gone, and the running stream says so', async () => {
      const { sql, slot, open } = source();
      await sql('create table if not exists gaps (id int primary key)');
      const stream = await open(await slot('unpublished', 'table gaps'));
      await sql('drop publication unpublished');
      await sql('insert into gaps values (10)');
      await expect(readUntil(stream, ({ kind }) => kind === 'commit')).rejects.toMatchObject({
        code: 'StreamLost',
        reason: 'publication-missing',
      });
      await stream.close();
    });
  });

  test(`has figures that say what it costs${major === '15' ? '' : ', and since when nobody reads it'}`, async () => {
    const { sql, slot } = source();
    await slot('costly');
    await sql(`select pg_logical_emit_message(false, 'fill', repeat('x', 1024 * 1024))`);
    // What the server has not written out yet does not count.
    const state = await waitFor(
      async () => {
        const found = await slotState(db(), 'costly');
        return (found?.retainedBytes ?? 0) > 1_000_000 && found;
      },
      { what: 'the megabyte that is kept' },
    );
    expect(state.safeWalBytes).toBeGreaterThan(0);
    if (major === '15') expect(state.inactiveSince).toBeNull();
    else expect(Date.parse(state.inactiveSince ?? '')).toBeGreaterThan(Date.parse('2026-01-01'));
  });
});
