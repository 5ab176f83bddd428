import { setTimeout as sleep } from 'node:timers/promises';
import type { NewEventInput } from '@switchyard/contracts';
import { startTcpProxy, waitFor } from '@switchyard/testkit';
import { describe, expect, test } from 'vitest';
import { appendEncoded } from '../src/events/append.js';
import { encodeEvent } from '../src/events/encode.js';
import {
  appendEvents,
  createRunActivities,
  MAX_EVENT_DATA_BYTES,
  readEvents,
  type AppendedRun,
  type Db,
} from '../src/index.js';
import { connect, useStoreDatabase } from './support/database.js';
import { newRunId, someEvents, upTo } from './support/events.js';

const database = useStoreDatabase();

/** A batch with a name, as the writer sends it. */
const appendBatch = (
  db: Db,
  { batchId, events }: { batchId: string; events: readonly NewEventInput[] },
): Promise<AppendedRun[]> => appendEncoded(db, { batchId, events: events.map((event) => encodeEvent(event)) });

describe('appendEvents', () => {
  test('numbers events per run in the order given and gives them back as they were', async () => {
    const { knex } = database();
    const [a, b] = [newRunId(), newRunId()];
    const appended = await appendEvents(knex, {
      events: [
        ...someEvents(a, 2),
        ...someEvents(b, 1, {
          workflowId: 'child',
          step: 's',
          attempt: 3,
          level: 'error',
          subject: 'h',
          data: { n: [1, 'x'] },
        }),
        ...someEvents(a, 1),
      ],
    });
    expect(appended.toSorted((x, y) => y.lastSeq - x.lastSeq)).toEqual([
      { runId: a, firstSeq: 1, lastSeq: 3, repeated: false },
      { runId: b, firstSeq: 1, lastSeq: 1, repeated: false },
    ]);
    expect((await readEvents(knex, { runId: a })).map((e) => [e.seq, e.message])).toEqual([
      [1, '0'],
      [2, '1'],
      [3, '0'],
    ]);
    expect(await readEvents(knex, { runId: b })).toEqual([
      {
        runId: b,
        seq: 1,
        workflowId: 'child',
        step: 's',
        attempt: 3,
        source: 'run',
        type: 'line',
        level: 'error',
        subject: 'h',
        message: '0',
        data: { n: [1, 'x'] },
        at: '2026-11-20T10:00:00.123Z',
        storedAt: expect.stringMatching(/Z$/),
      },
    ]);
  });

  test('stores nothing for no events', async () => {
    expect(await appendEvents(database().knex, { events: [] })).toEqual([]);
  });

  test('leaves no gap and no double number when many writers append to the same runs at once', async () => {
    const { knex } = database();
    const runs = [newRunId(), newRunId(), newRunId()];
    const writers = Array.from({ length: 40 }, (_, i) =>
      // Runs in changing order within a batch: the statement must take the counters in one order all the same.
      appendEvents(knex, { events: runs.toSorted(() => (i % 2 ? 1 : -1)).flatMap((runId) => someEvents(runId, 5)) }),
    );
    await Promise.all(writers);
    for (const runId of runs) {
      expect((await readEvents(knex, { runId })).map((e) => e.seq)).toEqual(upTo(200));
    }
  });

  test('stores a repeated batch once and tells its numbers again', async () => {
    const { knex } = database();
    const runId = newRunId();
    const batch = { batchId: 'batch-1', events: someEvents(runId, 3) };
    await appendEvents(knex, { events: someEvents(runId, 2) });
    expect(await appendBatch(knex, batch)).toEqual([{ runId, firstSeq: 3, lastSeq: 5, repeated: false }]);
    expect(await appendBatch(knex, batch)).toEqual([{ runId, firstSeq: 3, lastSeq: 5, repeated: true }]);
    expect(await readEvents(knex, { runId })).toHaveLength(5);
  });

  test('stores a batch once when it is sent many times at the same moment', async () => {
    const { knex } = database();
    const runId = newRunId();
    const sent = await Promise.all(
      Array.from({ length: 10 }, () => appendBatch(knex, { batchId: 'same', events: someEvents(runId, 3) })),
    );
    expect(sent.flat().filter((r) => !r.repeated)).toHaveLength(1);
    expect((await readEvents(knex, { runId })).map((e) => e.seq)).toEqual([1, 2, 3]);
  });

  test('does not store twice when the answer was lost after the commit', async () => {
    await using proxy = await startTcpProxy(database().port);
    const url = new URL(database().url);
    url.port = String(proxy.port);
    const knex = connect(url.href);
    const runId = newRunId();
    const batch = { batchId: 'lost-answer', events: someEvents(runId, 3) };
    try {
      await knex.raw('select 1');
      proxy.swallowAnswers();
      const first = appendBatch(knex, batch).catch((error: unknown) => error);
      await waitFor(async () => (await readEvents(database().knex, { runId })).length === 3, {
        what: 'the batch to be stored',
      });
      proxy.cut();
      expect(await first).toBeInstanceOf(Error);
      expect(await appendBatch(knex, batch)).toEqual([{ runId, firstSeq: 1, lastSeq: 3, repeated: true }]);
      expect(await readEvents(knex, { runId })).toHaveLength(3);
    } finally {
      proxy.cut();
      await knex.destroy();
    }
  });

  test('keeps nothing of a batch whose connection was killed in the middle, and stores it when sent again', async () => {
    const { knex } = database();
    const runId = newRunId();
    const batch = { batchId: 'killed', events: someEvents(runId, 3) };
    await appendEvents(knex, { events: someEvents(runId, 1) });
    // A pool of its own: plain Knex may hand out a killed connection once more before it sees its end.
    const victim = connect(database().url, { max: 1 });
    await knex.transaction(async (trx) => {
      // Holds the counter, so that the append stands still inside its statement.
      await trx.raw('select * from switchyard.run_counters where run_id = ? for update', [runId]);
      const append = appendBatch(victim, batch).catch((error: unknown) => error);
      await waitFor(
        async () => {
          // Not in the transaction: it would see the activity of its first look again and again.
          const { rows } = await knex.raw<{ rows: unknown[] }>(
            `select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock' and query like '%switchyard.run_counters%'`,
          );
          return rows.length > 0;
        },
        { what: 'the append to wait for the counter' },
      );
      expect(await append).toMatchObject({ code: '57P01' });
    });
    await victim.destroy();
    await appendBatch(knex, batch);
    expect((await readEvents(knex, { runId })).map((e) => e.seq)).toEqual([1, 2, 3, 4]);
  });

  test('shows numbers in their order: a reader never sees a later one before an earlier one', async () => {
    const { knex } = database();
    const runId = newRunId();
    const done = new AbortController();
    const reading = (async () => {
      let before = 0;
      while (!done.signal.aborted) {
        const seqs = (await readEvents(knex, { runId, limit: 10_000 })).map((e) => e.seq);
        expect(seqs).toEqual(upTo(seqs.length));
        expect(seqs.length).toBeGreaterThanOrEqual(before);
        before = seqs.length;
        await sleep(1);
      }
    })();
    await Promise.all(Array.from({ length: 30 }, () => appendEvents(knex, { events: someEvents(runId, 7) })));
    done.abort();
    await reading;
  });

  test('takes data of 64 KiB and refuses more, naming the way out', async () => {
    const { knex } = database();
    const runId = newRunId();
    const text = (bytes: number): string => 'x'.repeat(bytes - '{"t":""}'.length);
    await appendEvents(knex, { events: someEvents(runId, 1, { data: { t: text(MAX_EVENT_DATA_BYTES) } }) });
    const tooBig = someEvents(runId, 1, { data: { t: text(MAX_EVENT_DATA_BYTES + 1) } });
    await expect(appendEvents(knex, { events: tooBig })).rejects.toMatchObject({
      code: 'InvalidInput',
      message: expect.stringMatching(/65537 bytes.*65536.*artifact/),
    });
    await expect(
      appendEvents(knex, { events: someEvents(runId, 1, { message: 'ä'.repeat(32_769) }) }),
    ).rejects.toMatchObject({ code: 'InvalidInput' });
    expect(await readEvents(knex, { runId })).toHaveLength(1);
  });

  test('refuses a field that does not fit, and stores nothing of the batch', async () => {
    const { knex } = database();
    const runId = newRunId();
    const events = [...someEvents(runId, 1), ...someEvents(runId, 1, { at: 'yesterday' })];
    await expect(appendEvents(knex, { events })).rejects.toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('at'),
    });
    expect(await readEvents(knex, { runId })).toEqual([]);
  });

  test('stores what programs print: NUL, half surrogates, placeholders, quotes', async () => {
    const { knex } = database();
    const runId = newRunId();
    const message = `nul \0 half \uD83D a ? :name ::text 'q' "d" \\u0000 end`;
    await appendEvents(knex, { events: someEvents(runId, 1, { message, data: { 'k\0': [message] } }) });
    const stored = `nul \uFFFD half \uFFFD a ? :name ::text 'q' "d" \\u0000 end`;
    expect(await readEvents(knex, { runId })).toMatchObject([{ message: stored, data: { 'k\uFFFD': [stored] } }]);
  });
});

describe('readEvents', () => {
  test('pages by number and narrows by workflow, step, source, type, subject and level', async () => {
    const { knex } = database();
    const runId = newRunId();
    await appendEvents(knex, {
      events: [
        ...someEvents(runId, 3),
        ...someEvents(runId, 1, {
          workflowId: `${runId}/child`,
          source: 'ansible',
          type: 'host_failed',
          level: 'error',
          subject: 'web1',
          step: 'configure',
        }),
        ...someEvents(runId, 1, { source: 'terraform', type: 'apply_start', level: 'warning' }),
        ...someEvents(runId, 1, { level: 'debug' }),
      ],
    });
    const seqs = async (filter: object): Promise<number[]> =>
      (await readEvents(knex, { runId, ...filter })).map((e) => e.seq);
    expect(await seqs({})).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await seqs({ after: 2, limit: 2 })).toEqual([3, 4]);
    expect(await seqs({ sources: ['ansible', 'terraform'] })).toEqual([4, 5]);
    expect(await seqs({ types: ['apply_start'] })).toEqual([5]);
    expect(await seqs({ minLevel: 'warning' })).toEqual([4, 5]);
    expect(await seqs({ subject: 'web1', step: 'configure' })).toEqual([4]);
    expect((await readEvents(knex, { workflowId: `${runId}/child` })).map((e) => e.seq)).toEqual([4]);
  });
});

describe('createRunActivities', () => {
  test('stores events and decisions of workflow code once', async () => {
    const { knex } = database();
    const runId = newRunId();
    const activities = createRunActivities(knex);
    const decision = {
      id: `${runId}/1`,
      runId,
      workflowId: runId,
      subject: 'prod',
      decision: 'approve',
      by: 'ann',
      channel: 'cli',
      reason: 'ok',
      evidence: 'sha256:0',
      at: '2026-11-20T10:00:00.000Z',
      fields: { window: 'night' },
      groups: ['dba'],
    };
    for (let i = 0; i < 2; i++) {
      await activities.recordRunEvents({ execution: 'x', before: 0, events: someEvents(runId, 2) });
      await activities.recordDecision(decision);
    }
    expect(await readEvents(knex, { runId })).toHaveLength(2);
    const { rows } = await knex.raw<{ rows: unknown[] }>('select data from switchyard.decisions where run_id = ?', [
      runId,
    ]);
    expect(rows).toEqual([{ data: { fields: { window: 'night' }, groups: ['dba'] } }]);
  });

  describe('for a workflow task that runs again, its first end unheard', () => {
    const told = (runId: string, ...messages: string[]): NewEventInput[] =>
      messages.flatMap((message) => someEvents(runId, 1, { message }));
    const messagesOf = async (runId: string): Promise<string[]> =>
      (await readEvents(database().knex, { runId })).map(({ message }) => message);

    test('stores what it tells beyond the first time, and nothing twice', async () => {
      const activities = createRunActivities(database().knex);
      const runId = newRunId();
      await activities.recordRunEvents({ execution: 'x', before: 0, events: told(runId, 'a', 'b') });
      await activities.recordRunEvents({ execution: 'x', before: 2, events: told(runId, 'c') });
      await activities.recordRunEvents({ execution: 'x', before: 0, events: told(runId, 'a', 'b', 'c', 'd') });
      expect(await messagesOf(runId)).toEqual(['a', 'b', 'c', 'd']);
    });

    test('stores what comes first the second time', async () => {
      const activities = createRunActivities(database().knex);
      const runId = newRunId();
      await activities.recordRunEvents({ execution: 'x', before: 0, events: told(runId, 'a', 'b') });
      await activities.recordRunEvents({ execution: 'x', before: 0, events: told(runId, 'a', 'paused', 'b') });
      expect(await messagesOf(runId)).toEqual(expect.arrayContaining(['a', 'b', 'paused']));
    });

    test('takes an end that only took longer for the same end', async () => {
      const activities = createRunActivities(database().knex);
      const runId = newRunId();
      for (const [at, durationMs] of [
        ['2026-11-20T10:00:01Z', 1_000],
        ['2026-11-20T10:00:09Z', 9_000],
      ] as const) {
        const events = told(runId, `finished after ${durationMs} ms`).map((e) => ({ ...e, at, data: { durationMs } }));
        await activities.recordRunEvents({ execution: 'x', before: 0, events });
      }
      expect(await messagesOf(runId)).toEqual(['finished after 1000 ms']);
    });

    test('stores each event once and without a gap when both are at work at once', async () => {
      const activities = createRunActivities(database().knex);
      const runId = newRunId();
      const events = told(runId, ...upTo(40).map((n) => `e${n}`));
      await Promise.all(
        upTo(40).map((most) =>
          activities.recordRunEvents({ execution: 'x', before: 0, events: events.slice(0, most) }),
        ),
      );
      const stored = await readEvents(database().knex, { runId });
      expect(stored.map(({ seq }) => seq)).toEqual(upTo(40));
      expect(new Set(stored.map(({ message }) => message)).size).toBe(40);
    });

    test('stores the same message again that another execution tells', async () => {
      const activities = createRunActivities(database().knex);
      const runId = newRunId();
      for (const execution of ['x', 'y'])
        await activities.recordRunEvents({ execution, before: 0, events: told(runId, 'a') });
      expect(await messagesOf(runId)).toEqual(['a', 'a']);
    });
  });
});
