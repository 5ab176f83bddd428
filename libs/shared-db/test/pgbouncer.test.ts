import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runDdlOutsideTransaction, withAdvisoryLock, type Database } from '../src/index.js';
import { eventually, rejection, useTestDatabase } from './helpers/databases.js';
import { findPgBouncer, startPgBouncer, type PgBouncer } from './helpers/pgbouncer.js';

const db = useTestDatabase();
const program = await findPgBouncer();

const SHOW = `select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock`;
const DEFAULTS = { statement: '0', lock: '0' };

describe.skipIf(!program)(
  'behind PgBouncer in transaction mode (needs pgbouncer on PATH, or apt-get to download it)',
  () => {
    let shared: PgBouncer;
    let single: PgBouncer;

    beforeAll(async () => {
      if (!program) return;
      shared = await startPgBouncer(program, db.server, 3);
      // One server connection for everybody, so that what one client leaves behind the next one finds.
      single = await startPgBouncer(program, db.server, 1);
    });
    afterAll(async () => {
      await shared?.[Symbol.asyncDispose]();
      await single?.[Symbol.asyncDispose]();
    });

    const open = (bouncer: PgBouncer, timeouts = {}): Database =>
      db.open({ applicationName: 'pooled', timeouts }, { port: bouncer.port, pooler: 'pgbouncer' });

    test('plain Knex with time-outs in its connection is refused', async () => {
      const plain = db.plain({}, { port: shared.port, statement_timeout: 1_000 });
      expect((await rejection(plain.raw('select 1'))).code).toBe('08P01');
    });

    test('plain Knex with SET in afterCreate sets it for other clients', async () => {
      const setter = db.plain(
        {
          pool: {
            min: 0,
            max: 1,
            afterCreate: (
              connection: { query(sql: string, done: (error: Error | null) => void): void },
              done: (error: Error | null) => void,
            ) => connection.query('set statement_timeout = 321', done),
          },
        },
        { port: single.port },
      );
      await setter.raw('select 1');
      const other = db.plain({}, { port: single.port });
      const seen = await other.raw<{ rows: unknown[] }>(SHOW);
      expect(seen.rows[0]).toEqual({ ...DEFAULTS, statement: '321ms' });
      await other.raw('reset statement_timeout');
    });

    test('shared-db brings the time-outs into each transaction, and leaves nothing behind', async () => {
      const database = open(single, { statementMs: 1_234, lockMs: 567 });
      const inside = await database.withTransaction((trx) =>
        trx.raw<{ rows: unknown[] }>(SHOW).then((result) => result.rows[0]),
      );
      expect(inside).toEqual({ statement: '1234ms', lock: '567ms' });
      const other = await db.plain({}, { port: single.port }).raw<{ rows: unknown[] }>(SHOW);
      expect(other.rows[0]).toEqual(DEFAULTS);
    });

    test('the application name reaches the server', async () => {
      const result = await open(shared).knex.raw<{ rows: unknown[] }>(
        `select current_setting('application_name') as name`,
      );
      expect(result.rows[0]).toEqual({ name: 'pooled' });
    });

    const sleeping = (marker: string): Promise<unknown[]> =>
      db
        .outside('pg_stat_activity')
        .where({ state: 'active', wait_event: 'PgSleep' })
        .whereLike('query', `%${marker}%`)
        .select('pid');

    test('plain Knex reports a cancelled statement that still runs', async () => {
      const plain = db.plain({ pool: { min: 0, max: 2 } }, { port: shared.port });
      let running: unknown[] = [];
      // The connection is kept, because Knex would only give it back when the statement has ended.
      await plain
        .raw('select pg_sleep(2) /* not cancelled */')
        .timeout(200, { cancel: true })
        .catch(async () => {
          running = await sleeping('not cancelled');
        });
      expect(running).toHaveLength(1);
    });

    test('shared-db cancels it by the protocol, which PgBouncer passes on', async () => {
      const database = open(shared);
      await rejection(database.knex.raw('select pg_sleep(30) /* to be cancelled */').timeout(200, { cancel: true }));
      expect(
        await eventually(
          () => sleeping('to be cancelled'),
          (rows) => rows.length === 0,
        ),
      ).toEqual([]);
    });

    test('shared-db refuses what needs a session of its own', async () => {
      const { knex } = open(shared);
      for (const refused of [
        withAdvisoryLock(knex, 'x', () => Promise.resolve()),
        runDdlOutsideTransaction(knex, 'create index concurrently on x (y)'),
      ]) {
        expect(await rejection(refused)).toMatchObject({
          code: 'InvalidInput',
          message: expect.stringContaining('DB_HOST_ADMIN'),
        });
      }
    });

    test('shared-db closes with a deadline here as well', async () => {
      const database = open(shared);
      await database.knex.transaction();
      expect(await database.close({ deadlineMs: 100 })).toEqual({ forced: 1 });
    });
  },
);
