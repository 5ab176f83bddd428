import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { AbortedTransactionError, withTransaction, type Session } from '../src/index.js';
import { eventually, rejection, useTestDatabase } from './helpers/databases.js';

const db = useTestDatabase();

beforeAll(async () => {
  const setup = db.plain();
  await setup.raw('create table saved (what text primary key)');
  await setup.raw('create table locked (id int)');
});

const savedRows = async (what: string): Promise<number> => {
  const result = await db.plain()('saved').where({ what }).count('* as count').first<{ count: string }>();
  return Number(result.count);
};

describe('an error that is swallowed inside a transaction', () => {
  test('plain Knex reports success and saves nothing', async () => {
    const plain = db.plain();
    const result = await plain.transaction(async (trx) => {
      await trx('saved').insert({ what: 'plain' });
      await trx.raw('select 1/0').catch(() => 'never mind');
      return 'SUCCESS';
    });
    expect(result).toBe('SUCCESS');
    expect(await savedRows('plain')).toBe(0);
  });

  test('withTransaction rejects and names what was swallowed', async () => {
    const database = db.open();
    const error = await rejection(
      database.withTransaction(async (trx) => {
        await trx('saved').insert({ what: 'shared' });
        await trx.raw('select 1/0').catch(() => 'never mind');
        return 'SUCCESS';
      }),
    );
    expect(error).toBeInstanceOf(AbortedTransactionError);
    expect(error.message).toContain('22012');
    expect(await savedRows('shared')).toBe(0);
  });

  test('a savepoint around the step that may fail keeps the rest', async () => {
    const database = db.open();
    await database.withTransaction(async (trx) => {
      await trx('saved').insert({ what: 'savepoint' });
      await trx.transaction((inner) => inner.raw('select 1/0')).catch(() => 'never mind');
    });
    expect(await savedRows('savepoint')).toBe(1);
  });

  test('a failed query that nobody awaited counts too', async () => {
    const database = db.open();
    const error = await rejection(
      database.withTransaction(async (trx) => {
        trx.raw('select 1/0').catch(() => 'never mind');
        await trx('saved')
          .insert({ what: 'unawaited' })
          .catch(() => 'never mind');
      }),
    );
    expect(error).toBeInstanceOf(AbortedTransactionError);
  });
});

describe('a connection that returns to the pool inside a transaction', () => {
  /** What `query_timeout` does: the client gives up, ROLLBACK times out unsent, the connection is handed on. */
  const QUERY_TIMEOUT_MS = 200;

  test("plain Knex loses the next borrower's insert after a query_timeout", async () => {
    const plain = db.plain({}, { query_timeout: QUERY_TIMEOUT_MS });
    await rejection(plain.transaction((trx) => trx.raw('select pg_sleep(1)')));
    await eventually(
      () =>
        plain('saved')
          .insert({ what: 'poisoned' })
          .then(
            () => true,
            () => false,
          ),
      (done) => done,
    );
    expect(await savedRows('poisoned')).toBe(0);
  });

  test('shared-db drops the connection and keeps the insert, even with a query_timeout forced onto the driver', async () => {
    const database = db.open({
      pool: { max: 1 },
      onConnect: async (session: Session) => {
        const driver = session as unknown as { connectionParameters: { query_timeout: number } };
        driver.connectionParameters.query_timeout = QUERY_TIMEOUT_MS;
      },
    });
    await rejection(database.withTransaction((trx) => trx.raw('select pg_sleep(1)'), { retry: false }));
    await database.knex('saved').insert({ what: 'kept' });
    expect(await savedRows('kept')).toBe(1);
  });

  test('plain Knex hands on a transaction that was begun by hand', async () => {
    const plain = db.plain();
    await plain.raw('begin');
    await plain('saved').insert({ what: 'by hand, plain' });
    expect(await savedRows('by hand, plain')).toBe(0);
  });

  test('shared-db ends such a connection at its release, with its locks', async () => {
    const database = db.open({ applicationName: 'left-open', pool: { max: 1 } });
    await database.knex.raw('begin; lock table locked in access exclusive mode');
    await eventually(
      () => db.sessions('left-open'),
      (count) => count === 0,
    );
    await database.knex('saved').insert({ what: 'by hand, shared' });
    expect(await savedRows('by hand, shared')).toBe(1);
  });
});

describe('a statement that takes too long', () => {
  test('plain Knex with .timeout() reports the end while the statement runs on and keeps its lock', async () => {
    const plain = db.plain({}, { application_name: 'plain-timeout' });
    let seenAfterTimeout: unknown;
    await rejection(
      plain.transaction(async (trx) => {
        await trx.raw('lock table locked in access exclusive mode');
        await trx
          .raw('select pg_sleep(2)')
          .timeout(100)
          .catch(async (error: unknown) => {
            const sessions = db.outside('pg_stat_activity');
            seenAfterTimeout = await sessions.where('application_name', 'plain-timeout').first('state', 'wait_event');
            throw error;
          });
      }),
    );
    expect(seenAfterTimeout).toEqual({ state: 'active', wait_event: 'PgSleep' });
  });

  test('the server-side time-out of shared-db ends the statement and frees the lock', async () => {
    const database = db.open();
    const error = await rejection(
      database.withTransaction(
        async (trx) => {
          await trx.raw('lock table locked in access exclusive mode');
          await trx.raw('select pg_sleep(30)');
        },
        { statementTimeoutMs: 200 },
      ),
    );
    expect(error.code).toBe('57014');
    await database.withTransaction((trx) => trx.raw('lock table locked in access exclusive mode nowait'));
  });
});

describe('preparing a new connection', () => {
  test('plain Knex leaks a session for each afterCreate that fails', async () => {
    const plain = db.plain(
      {
        pool: {
          min: 0,
          max: 1,
          afterCreate: (_connection: unknown, done: (error: Error) => void) => done(new Error('not ready')),
        },
      },
      { application_name: 'plain-leak' },
    );
    for (let i = 0; i < 3; i++) await rejection(plain.raw('select 1'));
    expect(await db.sessions('plain-leak')).toBe(3);
  });

  test('shared-db ends the connection whose preparation failed', async () => {
    const database = db.open({
      applicationName: 'no-leak',
      onConnect: () => Promise.reject(new Error('not ready')),
    });
    for (let i = 0; i < 3; i++) expect((await rejection(database.knex.raw('select 1'))).message).toBe('not ready');
    await eventually(
      () => db.sessions('no-leak'),
      (count) => count === 0,
    );
  });

  test('plain Knex never calls an afterCreate at the top of its configuration', async () => {
    let calls = 0;
    const config = { afterCreate: () => void calls++ };
    await db.plain(config as object).raw('select 1');
    expect(calls).toBe(0);
  });

  test('shared-db sets its time-outs as start-up values of each connection', async () => {
    const database = db.open({ timeouts: { statementMs: 1_234, lockMs: 2_345, idleInTransactionMs: 3_456 } });
    const result = await database.knex.raw<{ rows: unknown[] }>(
      `select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
              current_setting('idle_in_transaction_session_timeout') as idle`,
    );
    expect(result.rows[0]).toEqual({ statement: '1234ms', lock: '2345ms', idle: '3456ms' });
  });
});

describe('closing with an open transaction', () => {
  test('plain Knex waits for it without limit', async () => {
    const plain = db.plain();
    await plain.transaction();
    const ended = await Promise.race([
      plain.destroy().then(() => 'ended'),
      new Promise((resolve) => setTimeout(() => resolve('still waiting'), 700)),
    ]);
    expect(ended).toBe('still waiting');
  });

  test('shared-db ends it at the deadline and says so', async () => {
    const database = db.open({ applicationName: 'close-open' });
    await database.knex.transaction();
    expect(await database.close({ deadlineMs: 100 })).toEqual({ forced: 1 });
    await eventually(
      () => db.sessions('close-open'),
      (count) => count === 0,
    );
  });

  test('shared-db cancels a statement that still runs, so that its locks go at once', async () => {
    const database = db.open({ applicationName: 'close-running' });
    const running = rejection(
      withTransaction(
        database.knex,
        async (trx) => {
          await trx.raw('lock table locked in access exclusive mode');
          await trx.raw('select pg_sleep(30)');
        },
        { retry: false },
      ),
    );
    await eventually(
      () =>
        db
          .outside('pg_stat_activity')
          .where({ application_name: 'close-running', state: 'active', wait_event: 'PgSleep' }),
      (rows) => rows.length === 1,
    );
    expect(await database.close({ deadlineMs: 100 })).toEqual({ forced: 1 });
    await eventually(
      () => db.sessions('close-running'),
      (count) => count === 0,
    );
    await running;
  });
});

describe('errors of a query', () => {
  test('never hold the values of the bindings', async () => {
    const database = db.open();
    await database.knex('saved').insert({ what: 'a-secret-value' });
    const error = await rejection(database.knex('saved').insert({ what: 'a-secret-value' }));
    expect(error.message).not.toContain('a-secret-value');
  });

  test('big integers keep every digit', async () => {
    const result = await db.open().knex.raw<pg.QueryResult<{ big: string }>>('select 9007199254740993::bigint as big');
    expect(result.rows[0]?.big).toBe('9007199254740993');
  });
});
