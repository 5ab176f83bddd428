import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  createDatabase,
  createSecrets,
  destroyAdminConnection,
  envSecrets,
  getAdminConnection,
  parseDatabaseConfig,
  refreshAdminConnection,
  withTransaction,
  type DatabaseConfig,
} from '../src/index.js';
import { freePort } from './global-setup.js';
import { eventually, rejection, useTestDatabase } from './helpers/databases.js';

const db = useTestDatabase();

const env = (changed: Record<string, string> = {}): Record<string, string> => ({
  DB_HOST: db.server.host,
  DB_PORT: String(db.server.port),
  DB_NAME_SERVER: db.name,
  DB_USER_SERVER: db.server.user,
  DB_PASSWORD_SERVER: db.server.password,
  DB_USER_ADMIN: db.server.user,
  DB_PASSWORD_ADMIN: db.server.password,
  ...changed,
});
const config = (changed: Record<string, string> = {}): DatabaseConfig => parseDatabaseConfig(env(changed));
const sessions = (): Promise<number> => db.sessions('switchyard/admin');

beforeEach(() => destroyAdminConnection());
afterEach(async () => {
  vi.unstubAllEnvs();
  await destroyAdminConnection();
});

describe('getAdminConnection', () => {
  test('reads DB_* and gives the Knex that the migration plan of the workflows uses', async () => {
    for (const [name, value] of Object.entries(env())) vi.stubEnv(name, value);
    const knex = await getAdminConnection();
    await knex.schema.createTable('users', (table) => void table.text('email'));
    await knex('users').insert({ email: 'a@example.org' });
    expect(await knex('users').select('email').where({ email: 'a@example.org' })).toEqual([{ email: 'a@example.org' }]);
    await withTransaction(knex, (trx) => trx('users').delete());
    expect(await knex('users').select()).toEqual([]);
  });

  test('makes one pool for callers who come at the same time', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => getAdminConnection(config())));
    expect(new Set(all).size).toBe(1);
    expect(await sessions()).toBe(1);
  });

  test('keeps pools of different configurations apart', async () => {
    const one = await getAdminConnection(config());
    expect(await getAdminConnection(config({ DB_POOL_MAX: '2' }))).not.toBe(one);
    expect(await getAdminConnection(config())).toBe(one);
  });

  test('forgets an attempt that failed, so that the next call can succeed', async () => {
    const port = String(await freePort());
    const wrong = config({ DB_PORT: port });
    expect(await rejection(getAdminConnection(wrong))).toMatchObject({ code: 'DatabaseUnreachable' });
    expect(await rejection(getAdminConnection(wrong))).toMatchObject({ code: 'DatabaseUnreachable' });
    expect(await rejection(getAdminConnection(config({ DB_PASSWORD_ADMIN: 'wrong' })))).toMatchObject({
      code: 'AuthFailed',
    });
    await eventually(sessions, (count) => count === 0);
  });

  test('replaces connections after the server went away, and keeps the same Knex', async () => {
    const knex = await getAdminConnection(config());
    await rejection(knex.raw('select pg_terminate_backend(pg_backend_pid())'));
    const again = await getAdminConnection(config());
    expect(again).toBe(knex);
    await again.raw('select 1');
  });

  test('opens a new pool after it was destroyed', async () => {
    const first = await getAdminConnection(config());
    await destroyAdminConnection();
    await eventually(sessions, (count) => count === 0);
    expect(await getAdminConnection(config())).not.toBe(first);
  });

  test('refreshAdminConnection takes new connections without disturbing an open transaction', async () => {
    const knex = await getAdminConnection(config());
    const trx = await knex.transaction();
    expect(await refreshAdminConnection(config())).toBe(knex);
    await trx.raw('select 1');
    await trx.commit();
  });
});

describe('createDatabase', () => {
  test('gives each role its user and time-outs', async () => {
    const show = `select current_user as "user", current_setting('statement_timeout') as statement`;
    const seen: unknown[] = [];
    for (const role of ['app', 'admin', 'migrator'] as const) {
      const database = createDatabase({
        role,
        config: config({ DB_STATEMENT_TIMEOUT: '7s' }),
        applicationName: 'roles',
      });
      seen.push((await database.knex.raw<{ rows: unknown[] }>(show)).rows[0], database.metrics().max);
      await database.close();
    }
    const user = db.server.user;
    expect(seen).toEqual([{ user, statement: '7s' }, 10, { user, statement: '7s' }, 5, { user, statement: '0' }, 2]);
  });

  test('reads a password that the configuration does not hold from the secrets', async () => {
    const secrets = createSecrets({ chain: [envSecrets({ env: { SECRET_DB_PASSWORD_SERVER: db.server.password } })] });
    const database = createDatabase({
      role: 'app',
      config: config({ DB_PASSWORD_SERVER: '' }),
      secrets,
      applicationName: 'secrets',
    });
    expect(await database.health()).toMatchObject({ ok: true });
    await database.close();
  });

  test('fails closed when no provider holds the password', async () => {
    const secrets = createSecrets({ chain: [envSecrets({ env: {} })] });
    const database = createDatabase({
      role: 'app',
      config: config({ DB_PASSWORD_SERVER: '' }),
      secrets,
      applicationName: 'secrets',
    });
    expect(await rejection(database.knex.raw('select 1'))).toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('SECRET_DB_PASSWORD_SERVER'),
    });
    await database.close();
  });

  test('refuses the admin role without an admin user, and the migrator behind a pooler', () => {
    expect(() =>
      createDatabase({ role: 'admin', config: config({ DB_USER_ADMIN: '' }), applicationName: 'x' }),
    ).toThrow('DB_USER_ADMIN');
    expect(() =>
      createDatabase({ role: 'migrator', config: config({ DB_POOLER: 'pgbouncer' }), applicationName: 'x' }),
    ).toThrow('DB_HOST_ADMIN');
  });
});
