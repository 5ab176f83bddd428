import { setTimeout as sleep } from 'node:timers/promises';
import { startTcpProxy, waitFor, type TcpProxy } from '@switchyard/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Knex } from 'knex';
import { createEventWriter, measureEventRate, readEvents, type EventWriterOptions } from '../src/index.js';
import { connect, useStoreDatabase } from './support/database.js';
import { newRunId, someEvents, upTo } from './support/events.js';

const database = useStoreDatabase();
const messages = async (runId: string): Promise<string[]> =>
  (await readEvents(database().knex, { runId, limit: 10_000 })).map((e) => e.message);
const zeroTo = (n: number): string[] => upTo(n).map((i) => String(i - 1));

describe('createEventWriter', () => {
  test('stores everything in the order of writing, also when nobody awaits the writes', async () => {
    const runId = newRunId();
    const writer = createEventWriter(database().knex);
    const writes = someEvents(runId, 3_000).map((event) => writer.write(event));
    await writer.flush();
    expect(await messages(runId)).toEqual(zeroTo(3_000));
    await Promise.all(writes);
    expect(await writer.close()).toEqual({ stored: 3_000, unstored: [] });
  });

  test('stores a single event soon, without a flush', async () => {
    const runId = newRunId();
    const writer = createEventWriter(database().knex, { flushMs: 10 });
    for (const event of someEvents(runId, 1)) await writer.write(event);
    await waitFor(async () => (await messages(runId)).length > 0, { what: 'the event' });
    expect(await messages(runId)).toEqual(['0']);
    await writer.close();
  });

  test('waits for company also in a stream: no statement for every two or three events', async () => {
    const runId = newRunId();
    const flushMs = 50;
    const writer = createEventWriter(database().knex, { flushMs });
    const startedAt = performance.now();
    for (const event of someEvents(runId, 300)) {
      await writer.write(event);
      await sleep(1);
    }
    await writer.flush();
    const most = Math.ceil((performance.now() - startedAt) / flushMs) + 1;
    const batches = await database().knex('switchyard.event_batches').where({ run_id: runId });
    expect(batches.length).toBeLessThanOrEqual(most);
    expect(await messages(runId)).toEqual(zeroTo(300));
    await writer.close();
  });

  test('close stores what is still held, takes nothing afterwards, and reports the same again', async () => {
    const runId = newRunId();
    const writer = createEventWriter(database().knex, { flushMs: 600_000 });
    const [late, ...events] = someEvents(runId, 1_200);
    if (!late) throw new Error('no event');
    for (const event of events) await writer.write(event);
    const closing = writer.close();
    await expect(writer.write(late)).rejects.toMatchObject({ code: 'Cancelled' });
    expect(await closing).toEqual({ stored: 1_199, unstored: [] });
    expect(await writer.close()).toBe(await closing);
    expect(await messages(runId)).toHaveLength(1_199);
  });

  test('refuses an event that does not fit at once, and goes on with the others', async () => {
    const runId = newRunId();
    const writer = createEventWriter(database().knex);
    const [event] = someEvents(runId, 1);
    if (!event) throw new Error('no event');
    await expect(writer.write({ ...event, data: { t: 'x'.repeat(70_000) } })).rejects.toMatchObject({
      code: 'InvalidInput',
    });
    await writer.write(event);
    expect(await writer.close()).toEqual({ stored: 1, unstored: [] });
  });

  test('reports an event that the database refuses, and stores its neighbours', async () => {
    const runId = newRunId();
    // A year that the schema of events allows and timestamptz does not: year 0.
    const [bad] = someEvents(runId, 1, { at: '0000-01-01T00:00:00.000Z', message: 'bad' });
    if (!bad) throw new Error('no event');
    const refused: string[] = [];
    const writer = createEventWriter(database().knex, {
      flushMs: 600_000,
      onRefused: ({ event }) => refused.push(event.message),
    });
    const good = someEvents(runId, 20);
    for (const event of [...good.slice(0, 7), bad, ...good.slice(7)]) await writer.write(event);
    await writer.flush();
    expect(await messages(runId)).toEqual(zeroTo(20));
    expect(refused).toEqual(['bad']);
    expect(await writer.close()).toEqual({
      stored: 20,
      unstored: [{ event: bad, reason: expect.stringContaining('0000-01-01') }],
    });
  });

  test('stores with several writers on one run without a gap', async () => {
    const runId = newRunId();
    const writers = upTo(4).map(() => createEventWriter(database().knex, { maxBatch: 7 }));
    await Promise.all(
      writers.map(async (writer) => {
        for (const event of someEvents(runId, 200)) await writer.write(event);
      }),
    );
    for (const writer of writers) await writer.close();
    expect((await readEvents(database().knex, { runId, limit: 10_000 })).map((e) => e.seq)).toEqual(upTo(800));
  });

  test('counts what measureEventRate writes: nothing is lost or doubled', async () => {
    const rate = await measureEventRate(database().knex, { events: 3_000, runs: 3 });
    expect(rate).toMatchObject({ events: 3_000, inTable: 3_000 });
  });
});

describe('a writer whose database goes away', () => {
  let proxy: TcpProxy;
  let knex: Knex;
  let retries = 0;
  const newWriter = (options: EventWriterOptions = {}) =>
    createEventWriter(knex, {
      flushMs: 5,
      onRetry: () => {
        retries++;
        throw new Error('a listener that fails');
      },
      ...options,
    });

  beforeEach(async () => {
    proxy = await startTcpProxy(database().port);
    const url = new URL(database().url);
    url.port = String(proxy.port);
    knex = connect(url.href);
    retries = 0;
  });
  afterEach(async () => {
    proxy.cut();
    await knex.destroy();
    await proxy[Symbol.asyncDispose]();
  });

  test('tries again until it is back, without loss, double or disorder', async () => {
    const runId = newRunId();
    const writer = newWriter({ maxBatch: 50 });
    const events = someEvents(runId, 1_000);
    for (const event of events.slice(0, 300)) await writer.write(event);
    proxy.refuse();
    for (const event of events.slice(300)) await writer.write(event);
    await waitFor(() => retries >= 2, { what: 'two failed attempts' });
    proxy.cut();
    await writer.flush();
    expect(await messages(runId)).toEqual(zeroTo(1_000));
    expect(await writer.close()).toEqual({ stored: 1_000, unstored: [] });
  });

  test('survives connections that are cut again and again at any moment', async () => {
    const runId = newRunId();
    const writer = newWriter({ maxBatch: 20 });
    const cutting = setInterval(() => proxy.cut(), 15);
    for (const event of someEvents(runId, 1_000)) await writer.write(event);
    await waitFor(() => retries >= 3, { what: 'some attempts to fail' });
    clearInterval(cutting);
    await writer.flush();
    expect(await messages(runId)).toEqual(zeroTo(1_000));
    await writer.close();
  });

  test('sends a statement again whose answer does not come, and stores it once', async () => {
    const runId = newRunId();
    const writer = newWriter({ attemptTimeoutMs: 50 });
    await knex.raw('select 1');
    proxy.swallowAnswers();
    for (const event of someEvents(runId, 5)) await writer.write(event);
    await waitFor(() => retries >= 1, { what: 'an attempt without an answer' });
    proxy.cut();
    await writer.flush();
    expect(await messages(runId)).toEqual(zeroTo(5));
    await writer.close();
  });

  test('lets its callers wait when its memory is full, and wakes them afterwards', async () => {
    const runId = newRunId();
    const writer = newWriter({ maxBuffered: 10 });
    proxy.refuse();
    let written = 0;
    const writing = (async () => {
      for (const event of someEvents(runId, 50)) {
        await writer.write(event);
        written++;
      }
    })();
    await waitFor(() => retries >= 2, { what: 'two failed attempts' });
    expect(written).toBe(9);
    proxy.cut();
    await writing;
    expect(await writer.close()).toEqual({ stored: 50, unstored: [] });
  });

  test('bounds its memory by size as well', async () => {
    const runId = newRunId();
    const writer = newWriter({ maxBufferedSize: 50_000 });
    proxy.refuse();
    let written = 0;
    const writing = (async () => {
      for (const event of someEvents(runId, 8, { data: { t: 'x'.repeat(20_000) } })) {
        await writer.write(event);
        written++;
      }
    })();
    await waitFor(() => retries >= 2, { what: 'two failed attempts' });
    expect(written).toBe(2);
    proxy.cut();
    await writing;
    expect(await writer.close()).toEqual({ stored: 8, unstored: [] });
  });

  test('close gives up at its deadline and names every event that it could not store', async () => {
    const runId = newRunId();
    const writer = newWriter({ maxBatch: 10 });
    proxy.refuse();
    const events = someEvents(runId, 35);
    for (const event of events) await writer.write(event);
    const report = await writer.close({ deadlineMs: 50 });
    expect(report.stored).toBe(0);
    expect(report.unstored.map((u) => u.event).toSorted((a, b) => Number(a.message) - Number(b.message))).toEqual(
      events,
    );
    expect(report.unstored[0]?.reason).toContain('deadline');
  });
});
