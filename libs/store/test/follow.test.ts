import { startTcpProxy, waitFor } from '@switchyard/testkit';
import type { Knex } from 'knex';
import { describe, expect, test } from 'vitest';
import { appendEvents, createEventListener, followEvents, openStore, type Listener } from '../src/index.js';
import { connect, useStoreDatabase } from './support/database.js';
import { newRunId, someEvents, upTo } from './support/events.js';

const database = useStoreDatabase();

/** Follows until `length` events came; a stuck follower ends by the test's time-out. */
async function take(
  knex: Knex,
  options: { runId: string; length: number; after?: number; listener?: Listener; pollMs?: number },
): Promise<number[]> {
  const { length, ...rest } = options;
  const abort = new AbortController();
  const seqs: number[] = [];
  for await (const event of followEvents(knex, { ...rest, signal: abort.signal, pageSize: 50 })) {
    seqs.push(event.seq);
    if (seqs.length === length) abort.abort();
  }
  return seqs;
}

/** Milliseconds between polls that no test lives to see: what arrives came by notification. */
const NEVER = 600_000;

async function withListener(work: (listener: Listener) => Promise<void>): Promise<void> {
  const listener = createEventListener(database().knex);
  try {
    await work(listener);
  } finally {
    await listener.close();
  }
}

describe('followEvents', () => {
  test('gives what is stored, then what comes, in order and without gaps under concurrent writers', async () => {
    const { knex } = database();
    const runId = newRunId();
    await appendEvents(knex, { events: someEvents(runId, 120) });
    await withListener(async (listener) => {
      const followers = [1, 2, 3].map(() => take(knex, { runId, length: 320, listener, pollMs: NEVER }));
      await waitFor(() => listener.isListening, { what: 'the listener' });
      await Promise.all(Array.from({ length: 20 }, () => appendEvents(knex, { events: someEvents(runId, 10) })));
      for (const seqs of await Promise.all(followers)) expect(seqs).toEqual(upTo(320));
    });
  });

  test('begins after a number and sees only its run', async () => {
    const { knex } = database();
    const [runId, other] = [newRunId(), newRunId()];
    await appendEvents(knex, { events: [...someEvents(other, 5), ...someEvents(runId, 5)] });
    expect(await take(knex, { runId, after: 3, length: 2 })).toEqual([4, 5]);
  });

  test('lives on polling without a listener', async () => {
    const { knex } = database();
    const runId = newRunId();
    const following = take(knex, { runId, length: 3, pollMs: 10 });
    await appendEvents(knex, { events: someEvents(runId, 3) });
    expect(await following).toEqual([1, 2, 3]);
  });

  test('ends without an error when its signal aborts while it waits, and at once when it had aborted before', async () => {
    const { knex } = database();
    const abort = new AbortController();
    const following = followEvents(knex, { runId: newRunId(), signal: abort.signal, pollMs: NEVER }).next();
    setTimeout(() => abort.abort(), 20);
    expect(await following).toEqual({ done: true, value: undefined });
    const late = followEvents(knex, { runId: newRunId(), signal: abort.signal }).next();
    expect(await late).toEqual({ done: true, value: undefined });
  });

  test('misses nothing when the listening connection is killed: it is opened again and everybody looks', async () => {
    const { knex } = database();
    const runId = newRunId();
    await withListener(async (listener) => {
      const following = take(knex, { runId, length: 3, listener, pollMs: NEVER });
      await waitFor(() => listener.isListening, { what: 'the listener' });
      await appendEvents(knex, { events: someEvents(runId, 1) });
      await knex.raw(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'listen %'`,
      );
      await appendEvents(knex, { events: someEvents(runId, 1) });
      await waitFor(() => listener.isListening, { what: 'the listener to come back' });
      await appendEvents(knex, { events: someEvents(runId, 1) });
      expect(await following).toEqual([1, 2, 3]);
    });
  });

  test('goes on where it was when the database was away', async () => {
    await using proxy = await startTcpProxy(database().port);
    const url = new URL(database().url);
    url.port = String(proxy.port);
    const knex = connect(url.href);
    const runId = newRunId();
    const abort = new AbortController();
    const events = followEvents(knex, { runId, signal: abort.signal, pollMs: 20 });
    try {
      await appendEvents(database().knex, { events: someEvents(runId, 1) });
      expect((await events.next()).value).toMatchObject({ seq: 1 });
      proxy.refuse();
      const next = events.next();
      await appendEvents(database().knex, { events: someEvents(runId, 1) });
      proxy.cut();
      expect((await next).value).toMatchObject({ seq: 2 });
    } finally {
      abort.abort();
      await events.return();
      await knex.destroy();
    }
  });

  test('throws after too many failed looks', async () => {
    const knex = connect('postgresql://nobody@127.0.0.1:1/none');
    const events = followEvents(knex, { runId: 'x', signal: new AbortController().signal, pollMs: 1, maxFailures: 3 });
    await expect(events.next()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await knex.destroy();
  });
});

describe('the listener of a store', () => {
  test('uses one connection for all followers and gives it back after the last one', async () => {
    const { knex } = database();
    const store = openStore({ knex });
    const listening = async (): Promise<number> => {
      const { rows } = await knex.raw<{ rows: unknown[] }>(
        `select 1 from pg_stat_activity where datname = current_database() and query like 'listen %'`,
      );
      return rows.length;
    };
    const abort = new AbortController();
    const runId = newRunId();
    await appendEvents(knex, { events: someEvents(runId, 1) });
    const followers = Array.from({ length: 5 }, () => store.followEvents({ runId, signal: abort.signal }));
    for (const follower of followers) await follower.next();
    await waitFor(async () => (await listening()) > 0, { what: 'a listening connection' });
    expect(await listening()).toBe(1);
    abort.abort();
    for (const follower of followers) await follower.next();
    await waitFor(async () => (await listening()) === 0, { what: 'the connection to be given back' });
    await store.close();
  });
});
