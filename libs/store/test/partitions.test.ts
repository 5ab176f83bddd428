import { beforeEach, describe, expect, test } from 'vitest';
import { appendEvents, dropEventsBefore, ensureEventPartitions, maintain, readEvents } from '../src/index.js';
import { eventPartitions } from '../src/events/partitions.js';
import { useStoreDatabase } from './support/database.js';
import { newRunId, someEvents, upTo } from './support/events.js';

const database = useStoreDatabase();

/** Moves the events of a run to a time, as if they had been stored then. */
async function storedAt(runId: string, at: string): Promise<void> {
  await database().knex.raw('update switchyard.events set stored_at = ? where run_id = ?', [at, runId]);
}

async function partitionOf(runId: string): Promise<string[]> {
  const { rows } = await database().knex.raw<{ rows: { name: string }[] }>(
    'select distinct tableoid::regclass::text as name from switchyard.events where run_id = ?',
    [runId],
  );
  return rows.map((row) => row.name);
}

describe('event partitions', () => {
  beforeEach(async () => {
    for (const { table } of await eventPartitions(database().knex)) {
      await database().knex.raw('drop table switchyard.??', [table]);
    }
  });

  test('are made for the current month and the months ahead, over the turn of the year', async () => {
    const made = await ensureEventPartitions(database().knex, { from: new Date('2031-11-20T00:00:00Z') });
    expect(made).toEqual(['events_2031_11', 'events_2031_12', 'events_2032_01']);
    expect(await ensureEventPartitions(database().knex, { from: new Date('2031-11-30T23:59:59Z') })).toEqual([]);
  });

  test('take over the rows that had fallen into the net', async () => {
    const { knex } = database();
    const runId = newRunId();
    await appendEvents(knex, { events: someEvents(runId, 3) });
    expect(await partitionOf(runId)).toEqual(['switchyard.events_default']);
    await ensureEventPartitions(knex);
    expect(await partitionOf(runId)).toEqual([expect.stringMatching(/^switchyard\.events_\d{4}_\d{2}$/)]);
    expect((await readEvents(knex, { runId })).map((e) => e.seq)).toEqual([1, 2, 3]);
  });

  test('are made once when many processes ask at once, while events are written', async () => {
    const { knex } = database();
    const runId = newRunId();
    const made = await Promise.all([
      ...Array.from({ length: 5 }, () => ensureEventPartitions(knex)),
      ...Array.from({ length: 5 }, () => appendEvents(knex, { events: someEvents(runId, 10) }).then(() => [])),
    ]);
    expect(made.flat()).toHaveLength(3);
    expect((await readEvents(knex, { runId })).map((e) => e.seq)).toEqual(upTo(50));
  });

  test('are dropped by whole months, and the net is cleared up to the moment', async () => {
    const { knex } = database();
    await ensureEventPartitions(knex, { from: new Date('2021-01-01T00:00:00Z'), monthsAhead: 2 });
    const [january, february, march, inNet] = [newRunId(), newRunId(), newRunId(), newRunId()];
    for (const runId of [january, february, march, inNet]) await appendEvents(knex, { events: someEvents(runId, 1) });
    await storedAt(january, '2021-01-31T12:00:00Z');
    await storedAt(february, '2021-02-01T12:00:00Z');
    await storedAt(march, '2021-03-01T12:00:00Z');
    await storedAt(inNet, '2019-05-05T12:00:00Z');

    const retired = await dropEventsBefore(knex, { before: new Date('2021-02-15T00:00:00Z') });

    expect(retired).toEqual({ partitions: ['events_2021_01'], rows: 1 });
    expect(await readEvents(knex, { runId: january })).toEqual([]);
    expect(await readEvents(knex, { runId: inNet })).toEqual([]);
    expect(await readEvents(knex, { runId: february })).toHaveLength(1);
    expect(await readEvents(knex, { runId: march })).toHaveLength(1);
  });

  test('a run whose events were dropped goes on counting', async () => {
    const { knex } = database();
    const runId = newRunId();
    await appendEvents(knex, { events: someEvents(runId, 4) });
    await storedAt(runId, '2019-05-05T12:00:00Z');
    await dropEventsBefore(knex, { before: new Date('2020-01-01T00:00:00Z') });
    await appendEvents(knex, { events: someEvents(runId, 1) });
    expect((await readEvents(knex, { runId })).map((e) => e.seq)).toEqual([5]);
  });

  test('maintain makes months and applies retention', async () => {
    const { knex } = database();
    await ensureEventPartitions(knex, { from: new Date('2021-01-01T00:00:00Z'), monthsAhead: 0 });
    const done = await maintain(knex, { eventDays: 30, clock: () => new Date('2021-04-15T00:00:00Z') });
    expect(done).toEqual({
      partitionsMade: ['events_2021_04', 'events_2021_05', 'events_2021_06'],
      partitionsDropped: ['events_2021_01'],
      artifactsRemoved: 0,
    });
  });
});
