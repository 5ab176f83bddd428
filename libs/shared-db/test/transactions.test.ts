import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { UnknownCommitError, type TransactionOptions } from '../src/index.js';
import { eventually, rejection, useTestDatabase } from './helpers/databases.js';
import { startFaultyProxy, type FaultyProxy } from './helpers/faulty-proxy.js';

const db = useTestDatabase();
let proxy: FaultyProxy;

beforeAll(async () => {
  await db.plain().raw('create table counters (id int primary key, n int not null)');
  proxy = await startFaultyProxy(db.server);
});
afterAll(() => proxy[Symbol.asyncDispose]());

beforeEach(async () => {
  await db.plain().raw('truncate counters; insert into counters values (1, 0), (2, 0)');
});

const counter = async (id = 1): Promise<number | undefined> =>
  (await db.plain()<{ id: number; n: number }>('counters').where({ id }).first('n'))?.n;

describe('a transaction that meets another one', () => {
  test('runs again after a serialization failure, so that no update is lost', async () => {
    const database = db.open({ pool: { max: 8 } });
    await Promise.all(
      Array.from({ length: 8 }, () =>
        database.withTransaction(
          async (trx) => {
            const row = await trx<{ id: number; n: number }>('counters').where({ id: 1 }).first('n');
            await trx('counters')
              .where({ id: 1 })
              .update({ n: (row?.n ?? 0) + 1 });
          },
          { isolation: 'serializable', retry: { attempts: 50, maxMs: 50 } },
        ),
      ),
    );
    expect(await counter()).toBe(8);
    expect(database.metrics().retries['40001']).toBeGreaterThan(0);
  });

  test('runs again after a deadlock', async () => {
    const database = db.open();
    const both: (() => void)[] = [];
    const meet = (): Promise<void> =>
      new Promise((resolve) => {
        both.push(resolve);
        if (both.length >= 2) both.forEach((go) => go());
      });
    const swap = (first: number, second: number): Promise<unknown> => {
      let attempt = 0;
      return database.withTransaction(async (trx) => {
        attempt++;
        await trx('counters').where({ id: first }).increment('n');
        if (attempt === 1) await meet();
        await trx('counters').where({ id: second }).increment('n');
      });
    };
    await Promise.all([swap(1, 2), swap(2, 1)]);
    expect([await counter(1), await counter(2)]).toEqual([2, 2]);
    // More than once when the one that was undone is back before the other has woken up: then they meet again.
    expect(database.metrics().retries['40P01']).toBeGreaterThanOrEqual(1);
  });

  test('gives up after its attempts with the last error', async () => {
    let attempts = 0;
    const error = await rejection(
      db.open().withTransaction(
        async (trx) => {
          attempts++;
          await trx.raw(`do $$ begin raise exception 'conflict' using errcode = '40001'; end $$`);
        },
        { retry: { attempts: 3, baseMs: 1 } },
      ),
    );
    expect(error.code).toBe('40001');
    expect(attempts).toBe(3);
  });
});

describe('a transaction that fails by itself', () => {
  test.each([
    ['a violated key', `insert into counters values (1, 1)`, '23505'],
    ['a write in a read-only transaction', `update counters set n = 1`, '25006'],
    ['an error of its own statement', `select * from nowhere`, '42P01'],
  ])('is not run again after %s', async (_what, sql, sqlState) => {
    let attempts = 0;
    const error = await rejection(
      db.open().withTransaction(
        async (trx) => {
          attempts++;
          await trx.raw(sql);
        },
        { readOnly: sqlState === '25006' },
      ),
    );
    expect(error.code).toBe(sqlState);
    expect(attempts).toBe(1);
  });

  test('rolls back and rethrows an error of the caller', async () => {
    const error = await rejection(
      db.open().withTransaction(async (trx) => {
        await trx('counters').where({ id: 1 }).update({ n: 99 });
        throw new Error('changed my mind');
      }),
    );
    expect(error.message).toBe('changed my mind');
    expect(await counter()).toBe(0);
  });

  test('stops between attempts when its signal is aborted', async () => {
    const stop = new AbortController();
    const error = await rejection(
      db.open().withTransaction(
        async (trx) => {
          stop.abort();
          await trx.raw(`do $$ begin raise exception 'conflict' using errcode = '40001'; end $$`);
        },
        { signal: stop.signal },
      ),
    );
    expect(error.name).toBe('AbortError');
  });
});

describe('a server that goes away', () => {
  test('the transaction runs again when its session was ended before COMMIT', async () => {
    const database = db.open({ applicationName: 'terminated' });
    let attempts = 0;
    await database.withTransaction(async (trx) => {
      attempts++;
      await trx('counters').where({ id: 1 }).increment('n');
      if (attempts === 1) {
        await db.outside.raw(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'terminated'`,
        );
      }
      await trx('counters').where({ id: 2 }).increment('n');
    });
    expect(attempts).toBe(2);
    expect([await counter(1), await counter(2)]).toEqual([1, 1]);
  });

  test('the transaction runs again when the network cut it before COMMIT', async () => {
    const database = db.open({}, { port: proxy.port });
    proxy.cutOn('cut here', 'cut-after');
    let attempts = 0;
    await database.withTransaction(async (trx) => {
      attempts++;
      await trx('counters').where({ id: 1 }).increment('n');
      await trx.raw('select 1 /* cut here */');
    });
    expect(attempts).toBe(2);
    expect(await counter()).toBe(1);
  });

  test('a read-only server makes the pool replace its connections', async () => {
    const database = db.open({ applicationName: 'standby' });
    const pids: unknown[] = [];
    await database.withTransaction(async (trx) => {
      pids.push((await trx.raw<{ rows: { pid: number }[] }>('select pg_backend_pid() as pid')).rows[0]?.pid);
      // What an old primary answers after a failover, which a pool would otherwise keep talking to.
      if (pids.length === 1) await trx.raw(`set transaction read only; update counters set n = n + 1`);
      await trx.raw(`update counters set n = n + 1`);
    });
    expect(new Set(pids).size).toBe(2);
  });
});

describe('a connection that is lost during COMMIT', () => {
  const add = (attempts: { n: number }, options: TransactionOptions = {}): Promise<string> => {
    const database = db.open({}, { port: proxy.port });
    return database.withTransaction(async (trx) => {
      attempts.n++;
      await trx('counters').where({ id: 1 }).increment('n');
      return 'done';
    }, options);
  };

  test.each(['cut-before', 'cut-after'] as const)(
    'is never retried, because nobody knows the outcome (%s)',
    async (fault) => {
      const attempts = { n: 0 };
      proxy.cutOn('COMMIT;', fault);
      const error = await rejection(add(attempts));
      expect(error).toBeInstanceOf(UnknownCommitError);
      expect(error).toMatchObject({ code: 'DatabaseUnreachable', retryable: false });
      expect(attempts.n).toBe(1);
      expect(await eventually(counter, (n) => n === (fault === 'cut-after' ? 1 : 0))).toBe(
        fault === 'cut-after' ? 1 : 0,
      );
    },
  );

  test('succeeds when the caller finds the work saved', async () => {
    const attempts = { n: 0 };
    proxy.cutOn('COMMIT;', 'cut-after');
    expect(await add(attempts, { isCommitted: async () => (await eventually(counter, (n) => n === 1)) === 1 })).toBe(
      'done',
    );
    expect(attempts.n).toBe(1);
  });

  test('runs again when the caller finds the work missing', async () => {
    const attempts = { n: 0 };
    proxy.cutOn('COMMIT;', 'cut-before');
    expect(await add(attempts, { isCommitted: async () => (await counter()) === 1 })).toBe('done');
    expect(attempts.n).toBe(2);
    expect(await counter()).toBe(1);
  });

  test('an answer of the server is an answer: a deferred constraint fails for good', async () => {
    const plain = db.plain();
    await plain.raw(
      'create table pairs (id int primary key, other int references pairs deferrable initially deferred)',
    );
    let attempts = 0;
    const error = await rejection(
      db.open().withTransaction(async (trx) => {
        attempts++;
        await trx('pairs').insert({ id: 1, other: 2 });
      }),
    );
    expect(error.code).toBe('23503');
    expect(attempts).toBe(1);
  });
});

describe('time-outs of one transaction', () => {
  test('hold inside it and are gone afterwards', async () => {
    const database = db.open({ pool: { max: 1 } });
    const show = `select current_setting('statement_timeout') as s, current_setting('lock_timeout') as l`;
    const inside = await database.withTransaction((trx) => trx.raw<{ rows: unknown[] }>(show).then((r) => r.rows[0]), {
      statementTimeoutMs: 0,
      lockTimeoutMs: 777,
    });
    const outside = (await database.knex.raw<{ rows: unknown[] }>(show)).rows[0];
    expect(inside).toEqual({ s: '0', l: '777ms' });
    expect(outside).toEqual({ s: '30s', l: '10s' });
  });
});
