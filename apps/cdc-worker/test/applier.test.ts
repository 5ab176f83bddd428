import { setTimeout as sleep } from 'node:timers/promises';
import { FencedOff } from '@switchyard/change-database';
import { waitFor } from '@switchyard/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChangeSource, SourceEvent } from '../src/source/change-source.js';
import { ADDRESSES, NAME_SPLIT, PEOPLE, USERS } from './support/shapes.js';
import { openStreamDatabase, type StreamDatabase } from './support/stream.js';

describe('in one row', () => {
  let db: StreamDatabase;
  beforeEach(async () => {
    db = await openStreamDatabase(NAME_SPLIT, USERS);
  });
  afterEach(() => db[Symbol.asyncDispose]());

  const updates = async (): Promise<number> => {
    await db.sql('select pg_stat_force_next_flush()');
    const [row] = await db.sql<{ n: number }>(
      `select pg_stat_get_tuples_updated('users'::regclass)::int as n, pg_stat_clear_snapshot()`,
    );
    return row?.n ?? 0;
  };

  it.each([
    ['leaves out what it writes', true],
    ['has its own writes back', false],
  ])('one insert is one write of its own, also while the log %s', async (_, isMarked) => {
    const stream = await db.start({ isMarked });
    const before = await updates();
    for (let i = 0; i < 50; i++) await db.sql('insert into users (name) values ($1)', [`Ada ${i}`]);
    await db.caughtUp();
    await db.caughtUp();
    expect(stream.report().rows).toBe(50);
    const quiet = await walOf(db);
    await sleep(1_500);
    // A checkpoint or a snapshot of running transactions may be written by itself; a loop writes for ever.
    expect((await walOf(db)) - quiet).toBeLessThan(2_000);
    await stream.stop();
    // A session that has ended has reported its statistics.
    await waitFor(async () => ((await updates()) - before >= 50 ? true : undefined), { what: 'the statistics' });
    expect((await updates()) - before).toBe(50);
    expect(await db.parity()).toEqual({ rows: 50, differing: 0 });
  });

  it('derives shortened, blank, one-word, Unicode and double-spaced names as f does', async () => {
    const stream = await db.start();
    const names = [
      'Ada Lovelace',
      'Ada',
      '',
      '   ',
      'Zoë  Ångström',
      '李 小龍',
      'a b  c d',
      '\u{1F600} Smile',
      "O'Neil",
    ];
    for (const [i, name] of names.entries()) await db.sql('insert into users (id, name) values ($1, $2)', [i, name]);
    for (const [i] of names.entries()) {
      await db.sql('update users set name = $2 where id = $1', [i, names[(i + 1) % names.length]]);
    }
    await db.caughtUp();
    await stream.stop();
    expect(await db.parity()).toEqual({ rows: names.length, differing: 0 });
    expect(await db.sql('select first_name, last_name from users where id in (0, 1, 2, 3, 5) order by id')).toEqual([
      { first_name: 'Ada', last_name: null },
      { first_name: '', last_name: null },
      { first_name: '', last_name: null },
      { first_name: 'Zoë', last_name: 'Ångström' },
      { first_name: 'a', last_name: 'b  c d' },
    ]);
  });

  it('follows a key that changes beside a wide value that does not, a row made anew, and values that swap places', async () => {
    const stream = await db.start();
    await db.sql(`insert into users (id, name, note) select i, 'Name ' || i, string_agg(md5(random()::text), '')
      from generate_series(1, 6) i, generate_series(1, 2000) group by i`);
    await db.caughtUp();
    await db.sql(`update users set id = 100 where id = 1`);
    await db.sql(`update users set id = 101, name = 'Renamed Too' where id = 2`);
    const one = await db.client();
    await one.query('begin');
    await one.query('delete from users where id = 3');
    await one.query(`insert into users (id, name) values (3, 'Born Again')`);
    await one.query('commit');
    await one.query('begin');
    await one.query(`update users set id = -1 where id = 4`);
    await one.query(`update users set id = 4 where id = 5`);
    await one.query(`update users set id = 5 where id = -1`);
    await one.query('commit');
    await db.sql('delete from users where id = 6');
    await db.caughtUp();
    await stream.stop();
    expect(await db.parity()).toEqual({ rows: 5, differing: 0 });
    expect(await db.sql('select id::int, first_name, last_name from users order by id')).toEqual([
      { id: 3, first_name: 'Born', last_name: 'Again' },
      { id: 4, first_name: 'Name', last_name: '5' },
      { id: 5, first_name: 'Name', last_name: '4' },
      { id: 100, first_name: 'Name', last_name: '1' },
      { id: 101, first_name: 'Renamed', last_name: 'Too' },
    ]);
  });

  it('writes nothing for changes that come shuffled, again, or long after', async () => {
    await db.sql(`insert into users (id, name) select i, 'Name ' || i from generate_series(1, 200) i`);
    const keys = Array.from({ length: 200 }, (_, i) => String(i + 1));
    const first = scripted([keys.toReversed()]);
    const stream = await db.start({ source: first });
    await first.taken;
    await waitFor(() => (stream.report().rows === 200 ? true : undefined), { what: 'every row to be derived' });
    await stream.stop();

    const again = scripted([
      keys.toSorted(() => Math.random() - 0.5),
      [...keys, ...keys, ...keys],
      keys.slice(50),
      ['999999', '-1'],
    ]);
    const repeated = await db.start({ source: again });
    await again.taken;
    await waitFor(() => (repeated.report().position === '0/4' ? true : undefined), { what: 'the last position' });
    expect(repeated.report().rows).toBe(0);
    await repeated.stop();
  });

  it('parks a row that cannot be derived, goes on with the others, and takes it up when it can', async () => {
    await db.sql(`alter table users add constraint short check (length(last_name) < 10)`);
    const stream = await db.start();
    await db.sql(
      `insert into users (id, name) select i, case i when 7 then 'Ada Lovelace-Longest' else 'Ada ' || i end from generate_series(1, 20) i`,
    );
    await db.caughtUp();
    expect(stream.parked).toEqual([{ key: '7', reason: expect.stringContaining('short') }]);
    expect(stream.report().parked).toBe(1);
    expect(JSON.stringify(stream.parked)).not.toContain('Longest');
    expect(await db.parity()).toEqual({ rows: 20, differing: 1 });

    await stream.stop();
    const successor = await db.start();
    await waitFor(() => (successor.report().parked === 1 ? true : undefined), { what: 'what was parked before' });
    await db.sql(`update users set name = 'Ada Short' where id = 7`);
    await db.caughtUp();
    expect(successor.report().parked).toBe(0);
    expect(await db.parity()).toEqual({ rows: 20, differing: 0 });
    await successor.stop();
  });

  it('gives way to a writer that holds a row, and derives it once the writer is done', async () => {
    await db.sql(`insert into users (id, name) values (1, 'Ada L')`);
    const holder = await db.client();
    await holder.query('begin');
    await holder.query(`update users set note = 'held' where id = 1`);
    const stream = await db.start({ source: scripted([['1']]) });
    await waitFor(() => ((stream.report().retries['55P03'] ?? 0) > 1 ? true : undefined), { what: 'giving way' });
    await holder.query(`update users set name = 'Held Person' where id = 1`);
    await holder.query('commit');
    await waitFor(() => (stream.report().position === '0/1' ? true : undefined), { what: 'the row to be free' });
    await stream.stop();
    expect(await db.sql('select first_name, note from users')).toEqual([{ first_name: 'Held', note: 'held' }]);
  });

  it('writes nothing any more once a successor has begun', async () => {
    const silent = scripted([]);
    const old = await db.start({ source: silent });
    const successor = await db.start();
    await db.sql(`insert into users (id, name) values (1, 'Ada L')`);
    await db.caughtUp();
    await db.sql(`update users set first_name = null where id = 1`);
    await db.caughtUp();
    silent.give(['1'], '0/9');
    await expect(old.ended).rejects.toBeInstanceOf(FencedOff);
    await successor.stop();
  });

  it('applies what it read before the position, and nothing is lost, however often it is cut off', async () => {
    const writer = writing(db);
    for (let i = 0; i < 12; i++) {
      const stream = await db.start();
      await sleep(Math.random() * 150);
      await stream.stop();
    }
    await writer.stop();
    const last = await db.start();
    await db.caughtUp();
    await last.stop();
    expect(await db.parity()).toMatchObject({ differing: 0 });
  });

  it('passes no barrier while it stands still, or before it has applied', async () => {
    const stream = await db.start();
    await db.caughtUp();
    await stream.stop();
    await db.sql(`insert into users (id, name) values (1, 'Ada L')`);
    let isThrough = false;
    const waiting = db.caughtUp().then(() => (isThrough = true));
    await sleep(700);
    expect(isThrough).toBe(false);
    const holder = await db.client();
    await holder.query('begin');
    await holder.query('select 1 from users where id = 1 for update');
    const next = await db.start();
    await sleep(700);
    expect(isThrough).toBe(false);
    await holder.query('commit');
    await waiting;
    expect(await db.parity()).toEqual({ rows: 1, differing: 0 });
    await next.stop();
  });

  it('in reverse keeps the old column true to what is written into the new ones', async () => {
    await db.sql(`insert into users (id, name, first_name, last_name) values (1, 'Ada L', 'Ada', 'L')`);
    const mode = { direction: 'reverse', relation: 'consistent' } as const;
    const stream = await db.start({ mode });
    await db.sql(`update users set first_name = 'Mary Ann', last_name = 'Evans' where id = 1`);
    await db.sql(`insert into users (id, name, first_name, last_name) values (2, '', 'George', 'Eliot')`);
    await db.caughtUp(mode);
    await stream.stop();
    expect(await db.sql('select name from users order by id')).toEqual([
      { name: 'Mary Ann Evans' },
      { name: 'George Eliot' },
    ]);
  });
});

describe('into another table', () => {
  let db: StreamDatabase;
  beforeEach(async () => {
    db = await openStreamDatabase(ADDRESSES, PEOPLE);
  });
  afterEach(() => db[Symbol.asyncDispose]());

  it('makes, changes, moves and removes rows as the old ones do, and empties it with the old one', async () => {
    const stream = await db.start();
    await db.sql(
      `insert into people select t, i, case when i % 3 > 0 then 'Street ' || i end, repeat('x', 9000) from unnest('{a,ü,"A b"}'::text[]) t, generate_series(1, 30) i`,
    );
    await db.caughtUp();
    expect(await db.sql('select count(*)::int as n from addresses')).toEqual([{ n: 60 }]);
    await db.sql(`update people set street = 'Moved' where no = 3`);
    await db.sql(`update people set street = null where no = 4`);
    await db.sql(`update people set no = no + 100 where no between 5 and 8`);
    await db.sql(`delete from people where no = 10`);
    await db.caughtUp();
    expect(await db.parity()).toEqual({ rows: 87, differing: 0 });
    await db.sql(`truncate people; insert into people values ('z', 1, 'Only One', '')`);
    await db.caughtUp();
    expect(await db.sql('select * from addresses')).toEqual([{ owner_tenant: 'z', owner_no: 1, street: 'Only One' }]);
    await stream.stop();
  });
});

async function walOf(db: StreamDatabase): Promise<number> {
  const [row] = await db.sql<{ at: string }>(`select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text as at`);
  return Number(row?.at);
}

/** A source that gives batches of keys, each as a transaction of its own, and then stays open. */
function scripted(batches: readonly (readonly string[])[]): ChangeSource & {
  readonly taken: Promise<void>;
  readonly give: (keys: readonly string[], position: string) => void;
} {
  const taken = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const waiting: SourceEvent[][] = batches.map((keys, i) => eventsOf(keys, `0/${i + 1}`));
  let wake = Promise.withResolvers<void>();
  let isClosed = false;
  async function* events(): AsyncGenerator<readonly SourceEvent[]> {
    while (!isClosed) {
      const next = waiting.shift();
      if (next) {
        yield next;
        continue;
      }
      taken.resolve();
      wake = Promise.withResolvers<void>();
      await Promise.race([wake.promise, closed.promise]);
    }
  }
  return {
    events: events(),
    acknowledge: () => undefined,
    taken: taken.promise,
    give(keys, position) {
      waiting.push(eventsOf(keys, position));
      wake.resolve();
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      closed.resolve();
    },
  };
}

const eventsOf = (keys: readonly string[], position: string): SourceEvent[] => [
  { kind: 'begin', xid: '3', committedAt: Date.now() },
  ...keys.map((key) => ({ kind: 'change' as const, key: [key] })),
  { kind: 'commit', position },
];

/** Writers that insert, rename, move and delete until they are stopped. */
function writing(db: StreamDatabase): { readonly stop: () => Promise<void> } {
  let isOver = false;
  const write = async (): Promise<void> => {
    const client = await db.client();
    for (let i = 0; !isOver; i++) {
      const some = '(select id from users order by random() limit 1)';
      await client.query(
        [
          `insert into users (name) values ('Ada ' || random())`,
          `insert into users (name) values ('Born ' || random())`,
          `update users set name = 'Renamed ' || random() where id = ${some}`,
          `update users set id = id + 1000000 where id = ${some}`,
          `delete from users where id = ${some}`,
        ][i % 5] ?? '',
      );
    }
  };
  const all = [write(), write()];
  return {
    async stop() {
      isOver = true;
      await Promise.all(all);
    },
  };
}
