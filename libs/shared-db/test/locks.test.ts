import { beforeAll, describe, expect, test } from 'vitest';
import {
  advisoryLockKey,
  lockForTransaction,
  runDdl,
  runDdlOutsideTransaction,
  withAdvisoryLock,
} from '../src/index.js';
import { eventually, rejection, useTestDatabase } from './helpers/databases.js';

const db = useTestDatabase();

beforeAll(async () => {
  await db.plain().raw('create table things (id int)');
});

describe('DDL that meets traffic', () => {
  test('gives way and tries again until the table is free', async () => {
    const blocker = await db.open().knex.transaction();
    await blocker.raw('lock table things in row exclusive mode');
    const tries: number[] = [];
    await runDdl(db.open().knex, (trx) => trx.raw('alter table things add column a int'), {
      lockTimeoutMs: 50,
      retry: { baseMs: 10 },
      onRetry: (attempt) => {
        tries.push(attempt);
        if (attempt === 3) void blocker.commit();
      },
    });
    expect(tries.slice(0, 2)).toEqual([2, 3]);
    expect(await db.plain().schema.hasColumn('things', 'a')).toBe(true);
  });

  test('ends with LockUnavailable when the table is never free', async () => {
    const blocker = await db.open().knex.transaction();
    await blocker.raw('lock table things in row exclusive mode');
    const error = await rejection(
      runDdl(db.open().knex, (trx) => trx.raw('alter table things add column b int'), {
        lockTimeoutMs: 20,
        retry: { attempts: 2, baseMs: 1 },
      }),
    );
    expect(error.code).toBe('LockUnavailable');
    expect(error.message).toContain('2 attempts of 20 ms');
    await blocker.rollback();
  });

  test('that refuses a transaction runs outside of one, and the connection gets its time-outs back', async () => {
    const database = db.open({ pool: { max: 1 } });
    await runDdlOutsideTransaction(database.knex, 'create index concurrently things_id on things (id)');
    const result = await database.knex.raw<{ rows: unknown[] }>(
      `select current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement`,
    );
    expect(result.rows[0]).toEqual({ lock: '10s', statement: '30s' });
  });
});

describe('an advisory lock', () => {
  test('lets one in at a time', async () => {
    const database = db.open({ pool: { max: 6 } });
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 6 }, () =>
        withAdvisoryLock(database.knex, 'one at a time', async () => {
          most = Math.max(most, ++inside);
          await new Promise((resolve) => setTimeout(resolve, 5));
          inside--;
        }),
      ),
    );
    expect(most).toBe(1);
  });

  test('is refused with LockUnavailable when somebody holds it', async () => {
    const database = db.open();
    await withAdvisoryLock(database.knex, 'held', async () => {
      const error = await rejection(withAdvisoryLock(database.knex, 'held', () => Promise.resolve(), { waitMs: 0 }));
      expect(error.code).toBe('LockUnavailable');
    });
    await withAdvisoryLock(database.knex, 'held', () => Promise.resolve(), { waitMs: 0 });
  });

  test('tells its holder when the connection that carries it is lost', async () => {
    const database = db.open({ applicationName: 'lock-holder' });
    await withAdvisoryLock(database.knex, 'lost', async ({ signal }) => {
      await db.outside.raw(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lock-holder'`,
      );
      await eventually(() => Promise.resolve(signal.aborted), Boolean);
      expect(await withAdvisoryLock(db.open().knex, 'lost', () => Promise.resolve('mine now'), { waitMs: 0 })).toBe(
        'mine now',
      );
    });
    await database.knex.raw('select 1');
  });

  test('of a transaction ends with it', async () => {
    const database = db.open();
    await database.withTransaction((trx) => lockForTransaction(trx, 'short'));
    expect(await withAdvisoryLock(database.knex, 'short', () => Promise.resolve('free'), { waitMs: 0 })).toBe('free');
  });

  test('has a number that stays the same from release to release', () => {
    expect(advisoryLockKey('switchyard.migrations')).toBe(advisoryLockKey('switchyard.migrations'));
    expect(advisoryLockKey('a')).toBe('-3848465438864589366');
  });
});
