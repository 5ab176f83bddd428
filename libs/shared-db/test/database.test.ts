import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Secret, toDatabaseError, type SslSettings } from '../src/index.js';
import { freePort } from './global-setup.js';
import { eventually, rejection, useTestDatabase } from './helpers/databases.js';
import { startFaultyProxy, type FaultyProxy } from './helpers/faulty-proxy.js';

const db = useTestDatabase();
let proxy: FaultyProxy;

beforeAll(async () => {
  proxy = await startFaultyProxy(db.server);
});
afterAll(() => proxy[Symbol.asyncDispose]());

describe('a pool', () => {
  test('connects at the first query, shows its name and counts what it does', async () => {
    const database = db.open({ applicationName: `switchyard/${'ü'.repeat(60)}`, pool: { max: 3 } });
    expect(database.metrics()).toMatchObject({ created: 0, used: 0, max: 3 });
    const result = await database.knex.raw<{ rows: { name: string }[] }>(
      `select current_setting('application_name') as name`,
    );
    expect(result.rows[0]?.name.startsWith('switchyard/')).toBe(true);
    await rejection(database.knex.raw('select 1/0'));
    expect(database.metrics()).toMatchObject({ created: 1, free: 1, pendingAcquires: 0, errors: { '22012': 1 } });
  });

  test('says why when it is full', async () => {
    const database = db.open({ pool: { max: 1, acquireTimeoutMs: 100 } });
    const held = await database.knex.transaction();
    const error = toDatabaseError(await rejection(database.knex.raw('select 1')), { action: 'store events' });
    expect(error).toMatchObject({
      code: 'DatabaseUnreachable',
      retryable: true,
      message: expect.stringContaining('the pool is full'),
    });
    expect(error.message).toMatch(/^store events: /);
    await held.rollback();
  });

  test('recovers after the server ended its sessions', async () => {
    const database = db.open({ applicationName: 'recovers' });
    await database.knex.raw('select 1');
    await db.outside.raw(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'recovers'`);
    await eventually(
      () => db.sessions('recovers'),
      (count) => count === 0,
    );
    await eventually(
      () =>
        database.knex.raw('select 1').then(
          () => true,
          () => false,
        ),
      Boolean,
    );
    expect(database.metrics().destroyed).toBe(1);
  });

  test('replaces its idle connections at a refresh and leaves open transactions alone', async () => {
    const database = db.open({ pool: { max: 2 } });
    const pid = async (q: { raw: typeof database.knex.raw }): Promise<unknown> =>
      (await q.raw<{ rows: { pid: number }[] }>('select pg_backend_pid() as pid')).rows[0]?.pid;
    const idle = await pid(database.knex);
    const trx = await database.knex.transaction();
    const inTransaction = await pid(trx);
    expect(inTransaction).toBe(idle);
    database.refresh();
    expect(await pid(trx)).toBe(inTransaction);
    await trx.commit();
    expect(await pid(database.knex)).not.toBe(idle);
  });

  test('closes in order when nothing is open, and only once', async () => {
    const database = db.open({ applicationName: 'closes' });
    await database.knex.raw('select 1');
    expect(await Promise.all([database.close(), database.close()])).toEqual([{ forced: 0 }, { forced: 0 }]);
    await eventually(
      () => db.sessions('closes'),
      (count) => count === 0,
    );
  });

  test('shows its password nowhere', async () => {
    const database = db.open();
    await database.knex.raw('select 1');
    expect(inspect(database, { depth: 12, showHidden: true })).not.toContain(db.server.password);
    expect(inspect(database.knex.client, { depth: 12 })).not.toContain(db.server.password);
  });
});

describe('a server that cannot be used', () => {
  test('refused connections are reported at once as DatabaseUnreachable', async () => {
    const database = db.open({}, { port: await freePort() });
    const error = toDatabaseError(await rejection(database.knex.raw('select 1')), { database: database.label });
    expect(error).toMatchObject({ code: 'DatabaseUnreachable', message: expect.stringContaining('ECONNREFUSED') });
    expect(error.message).toContain(database.label);
    expect(await database.health()).toMatchObject({ ok: false, error: { code: 'DatabaseUnreachable' } });
  });

  test('a server that accepts and says nothing is given up after the time for connecting', async () => {
    const silent = createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const database = db.open({ pool: { createTimeoutMs: 200 } }, { port });
    const error = toDatabaseError(await rejection(database.knex.raw('select 1')));
    expect(error).toMatchObject({ code: 'DatabaseUnreachable', retryable: true });
    await database.close();
    await new Promise((resolve) => {
      silent.close(resolve);
    });
  });

  test('a wrong password is AuthFailed, an unknown database NotFound', async () => {
    const wrong = db.open({}, { password: new Secret('wrong-password') });
    const refused = toDatabaseError(await rejection(wrong.knex.raw('select 1')));
    expect(refused).toMatchObject({ code: 'AuthFailed', retryable: false });
    expect(refused.message).not.toContain('wrong-password');
    const unknown = db.open({}, { database: 'nowhere' });
    expect(toDatabaseError(await rejection(unknown.knex.raw('select 1')))).toMatchObject({ code: 'NotFound' });
  });

  test('a lost connection makes the handle suspect until a probe is good', async () => {
    const database = db.open({}, { port: proxy.port });
    proxy.cutOn('cut me', 'cut-after');
    const error = toDatabaseError(await rejection(database.knex.raw('select 1 /* cut me */')));
    expect(error).toMatchObject({ code: 'DatabaseUnreachable' });
    expect(database.isSuspect()).toBe(true);
    expect(await database.health()).toMatchObject({ ok: true });
    expect(database.isSuspect()).toBe(false);
  });
});

describe('health', () => {
  test('is good only when the server takes writes', async () => {
    const database = db.open();
    expect(await database.health()).toMatchObject({ ok: true, serverVersion: expect.stringMatching(/^18/) });
    await db.outside.raw(`alter database ${db.name} set default_transaction_read_only = on`);
    try {
      database.refresh();
      expect(await database.health()).toMatchObject({ ok: false, reason: expect.stringContaining('read-only') });
    } finally {
      await db.outside.raw(`alter database ${db.name} reset default_transaction_read_only`);
    }
    database.refresh();
    expect(await database.health()).toMatchObject({ ok: true });
  });

  test('ends by its own time limit when the pool is full', async () => {
    const database = db.open({ pool: { max: 1 } });
    const held = await database.knex.transaction();
    expect(await database.health({ timeoutMs: 100 })).toMatchObject({
      ok: false,
      reason: expect.stringContaining('within 100 ms'),
    });
    await held.rollback();
  });
});

describe('a password that is rotated', () => {
  test('is read anew when the server refuses the old one, and open connections go on', async () => {
    await db.outside.raw(`create role rotating login password 'first-password'`);
    try {
      let reads = 0;
      const database = db.open(
        { pool: { max: 2 } },
        {
          user: 'rotating',
          password: new Secret('first-password'),
          renewPassword: () => {
            reads++;
            return Promise.resolve(new Secret('second-password'));
          },
        },
      );
      const open = await database.knex.transaction();
      await db.outside.raw(`alter role rotating password 'second-password'`);
      await database.knex.raw('select 1');
      await open.raw('select 1');
      await open.commit();
      database.refresh();
      await Promise.all([database.knex.raw('select 1'), database.knex.raw('select 1')]);
      expect(reads).toBe(1);
      await database.close();
    } finally {
      await db.outside.raw('drop role rotating');
    }
  });

  test('is not tried again when it is still the same: that would count as another failed login', async () => {
    const counting = await startFaultyProxy(db.server);
    const database = db.open(
      {},
      { port: counting.port, password: new Secret('wrong'), renewPassword: () => Promise.resolve(new Secret('wrong')) },
    );
    expect((await rejection(database.knex.raw('select 1'))).code).toBe('28P01');
    expect(counting.connections()).toBe(1);
    await counting[Symbol.asyncDispose]();
  });
});

describe('TLS', () => {
  const pem = (name: string): Promise<string> =>
    readFile(path.join(import.meta.dirname, 'fixtures', 'tls', name), 'utf8');
  const encrypted = async (ssl: SslSettings, host = '127.0.0.1'): Promise<unknown> => {
    const database = db.open({ pool: { max: 1 } }, { ssl, host });
    try {
      const result = await database.knex.raw<{ rows: { ssl: boolean }[] }>(
        'select ssl from pg_stat_ssl where pid = pg_backend_pid()',
      );
      return result.rows[0]?.ssl;
    } catch (error) {
      return toDatabaseError(error).code;
    } finally {
      await database.close();
    }
  };

  test('each mode does what it says', async () => {
    const ca = await pem('ca.pem');
    expect(await encrypted({ mode: 'disable' })).toBe(false);
    expect(await encrypted({ mode: 'prefer' })).toBe(true);
    expect(await encrypted({ mode: 'require' })).toBe(true);
    expect(await encrypted({ mode: 'verify-ca', ca })).toBe(true);
    expect(await encrypted({ mode: 'verify-full', ca }, 'localhost')).toBe(true);
  });

  test('a certificate that does not verify is AuthFailed', async () => {
    const [ca, other] = await Promise.all([pem('ca.pem'), pem('other-ca.pem')]);
    expect(await encrypted({ mode: 'verify-full', ca }, '127.0.0.1')).toBe('AuthFailed');
    expect(await encrypted({ mode: 'verify-ca', ca: other })).toBe('AuthFailed');
    expect(await encrypted({ mode: 'require', ca: other })).toBe('AuthFailed');
    expect(await encrypted({ mode: 'verify-ca' })).toBe('AuthFailed');
  });

  test('a statement is cancelled over TLS too', async () => {
    const database = db.open({}, { ssl: { mode: 'verify-ca', ca: await pem('ca.pem') } });
    await rejection(database.knex.raw('select pg_sleep(30) /* over TLS */').timeout(200, { cancel: true }));
    const left = await eventually(
      () =>
        db.outside('pg_stat_activity').where({ state: 'active' }).whereLike('query', '%/* over TLS */%').select('pid'),
      (rows) => rows.length === 0,
    );
    expect(left).toEqual([]);
  });

  test('a server without TLS is used by prefer and refused by require with the way out', async () => {
    await db.outside.raw('alter system set ssl = off');
    await db.outside.raw('select pg_reload_conf()');
    try {
      await eventually(
        () => encrypted({ mode: 'prefer' }),
        (answer) => answer === false,
      );
      const error = await rejection(db.open({}, { ssl: { mode: 'require' } }).knex.raw('select 1'));
      expect(error).toMatchObject({
        code: 'DatabaseUnreachable',
        retryable: false,
        message: expect.stringContaining('offers no TLS'),
      });
    } finally {
      await db.outside.raw('alter system reset ssl');
      await db.outside.raw('select pg_reload_conf()');
    }
  });
});
