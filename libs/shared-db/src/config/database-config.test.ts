import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { CodedError } from '@switchyard/contracts';
import { parseDatabaseConfig, type Env } from './database-config.js';
import { DATABASE_VARIABLES, REPLACED_VARIABLES } from './variables.js';

const directory = mkdtempSync(path.join(tmpdir(), 'switchyard-config-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const file = (name: string, text: string): string => {
  const target = path.join(directory, name);
  writeFileSync(target, text);
  return target;
};

const LEAST = { DB_HOST: 'db', DB_NAME_SERVER: 'switchyard', DB_USER_SERVER: 'app' };

const refusal = (env: Env): string => {
  try {
    parseDatabaseConfig(env);
  } catch (error) {
    if (error instanceof CodedError && error.code === 'InvalidInput') return error.message;
    throw error;
  }
  throw new Error('it was not refused');
};

describe('the DB_* configuration', () => {
  test('needs three names and has defaults for the rest', () => {
    expect(parseDatabaseConfig({ ...LEAST, HOME: '/root' })).toEqual({
      database: 'switchyard',
      server: { host: 'db', port: 5_432, user: 'app', password: { from: 'secrets', name: 'db-password-server' } },
      pool: {
        min: 0,
        acquireTimeoutMs: 10_000,
        createTimeoutMs: 10_000,
        idleTimeoutMs: 30_000,
        maxLifetimeMs: 1_800_000,
      },
      ssl: { mode: 'disable' },
      timeouts: { statementMs: 30_000, lockMs: 10_000, idleInTransactionMs: 60_000 },
      pooler: 'none',
      adminUsesPooler: false,
    });
  });

  test('takes the admin end point from the ordinary one where nothing else is said', () => {
    const config = parseDatabaseConfig({ ...LEAST, DB_PORT: '6432', DB_USER_ADMIN: 'root' });
    expect(config.admin).toMatchObject({ host: 'db', port: 6_432, user: 'root' });
    const direct = parseDatabaseConfig({
      ...LEAST,
      DB_USER_ADMIN: 'root',
      DB_POOLER: 'pgbouncer',
      DB_HOST_ADMIN: 'primary',
      DB_PORT_ADMIN: '5433',
    });
    expect(direct.admin).toMatchObject({ host: 'primary', port: 5_433 });
    expect(direct.adminUsesPooler).toBe(false);
    expect(parseDatabaseConfig({ ...LEAST, DB_POOLER: 'pgbouncer' }).adminUsesPooler).toBe(true);
  });

  test('names everything that is missing at once', () => {
    expect(refusal({})).toMatch(/DB_HOST .*required.*DB_NAME_SERVER .*required.*DB_USER_SERVER .*required/);
  });

  test('counts an empty value as not set', () => {
    expect(refusal({ ...LEAST, DB_HOST: '' })).toContain('DB_HOST');
    expect(parseDatabaseConfig({ ...LEAST, DB_PORT: '' }).server.port).toBe(5_432);
  });

  test.each([
    ['DB_PORT', '70000'],
    ['DB_PORT', 'abc'],
    ['DB_PORT_ADMIN', '0'],
    ['DB_POOL_MAX', '0'],
    ['DB_POOL_MAX', '1.5'],
    ['DB_POOL_MIN', '-1'],
    ['DB_STATEMENT_TIMEOUT', '30 seconds'],
    ['DB_SSL_MODE', 'verify'],
    ['DB_POOLER', 'odyssey'],
  ])('refuses %s=%s by name and value', (name, value) => {
    expect(refusal({ ...LEAST, [name]: value })).toMatch(new RegExp(`${name} .*${value}`));
  });

  test('takes durations as text and as milliseconds', () => {
    const config = parseDatabaseConfig({
      ...LEAST,
      DB_POOL_ACQUIRE_TIMEOUT: '10000',
      DB_STATEMENT_TIMEOUT: '2m',
      DB_LOCK_TIMEOUT: '0',
    });
    expect(config.pool.acquireTimeoutMs).toBe(10_000);
    expect(config.timeouts).toMatchObject({ statementMs: 120_000, lockMs: 0 });
  });

  test.each([
    [{ DB_POOL_MIN: '5', DB_POOL_MAX: '2' }, 'DB_POOL_MIN (5)'],
    [{ DB_SSL_CERT: 'pem', DB_SSL_MODE: 'require' }, 'belong together'],
    [{ DB_SSL_CA: 'pem' }, 'DB_SSL_MODE is disable'],
  ])('refuses contradictions', (env, message) => {
    expect(refusal({ ...LEAST, ...env })).toContain(message);
  });
});

describe('names', () => {
  test('of the earlier connection code are refused with their replacement', () => {
    for (const [old, replacement] of Object.entries(REPLACED_VARIABLES)) {
      expect(refusal({ ...LEAST, [old]: 'x' })).toContain(`${old} is no longer read; set ${replacement} instead`);
    }
  });

  test('that nobody knows are refused with the nearest known one', () => {
    expect(refusal({ ...LEAST, DB_PASWORD_SERVER: 'x' })).toContain('did you mean DB_PASSWORD_SERVER?');
    expect(refusal({ ...LEAST, DB_PASWORD_SERVER_FILE: 'x' })).toContain('did you mean DB_PASSWORD_SERVER?');
    expect(refusal({ ...LEAST, DB_FLUX_CAPACITOR: 'x' })).toContain('DB_FLUX_CAPACITOR is not a known variable');
  });

  test('of every variable in the list are accepted, and nothing else is', () => {
    const good: Record<string, string> = { DB_SSL_MODE: 'verify-full', DB_POOLER: 'pgbouncer', DB_HOST: 'h' };
    const value = (name: string): string =>
      good[name] ?? (/PORT|POOL_M[AI]|TIMEOUT|LIFETIME/.test(name) ? '7' : 'text');
    const env = Object.fromEntries(DATABASE_VARIABLES.map(({ name }) => [name, value(name)]));
    expect(() => parseDatabaseConfig(env)).not.toThrow();
    expect(DATABASE_VARIABLES.every((variable) => variable.description.endsWith('.'))).toBe(true);
    expect(DATABASE_VARIABLES.filter((variable) => variable.secret).map((variable) => variable.name)).toEqual([
      'DB_PASSWORD_SERVER',
      'DB_PASSWORD_ADMIN',
      'DB_SSL_KEY',
    ]);
  });

  test('have a _FILE form each', () => {
    const config = parseDatabaseConfig({
      DB_HOST_FILE: file('host', 'from-a-file\n'),
      DB_NAME_SERVER: 'n',
      DB_USER_SERVER: 'u',
      DB_PASSWORD_SERVER_FILE: file('password', 'p\n'),
    });
    expect(config.server.host).toBe('from-a-file');
    expect(config.server.password).toEqual({
      from: 'file',
      variable: 'DB_PASSWORD_SERVER_FILE',
      file: path.join(directory, 'password'),
    });
  });

  test('given twice, or with a file that is not there, are refused', () => {
    expect(refusal({ ...LEAST, DB_HOST_FILE: file('twice', 'x') })).toContain('DB_HOST and DB_HOST_FILE are both set');
    expect(refusal({ ...LEAST, DB_PASSWORD_SERVER_FILE: '/nowhere/at/all' })).toContain(
      'DB_PASSWORD_SERVER_FILE names /nowhere/at/all',
    );
  });
});

test('no secret is in a printed configuration or in a refusal', () => {
  const secrets = {
    DB_PASSWORD_SERVER: 'hidden-1',
    DB_PASSWORD_ADMIN: 'hidden-2',
    DB_SSL_KEY: 'hidden-3',
    DB_SSL_CERT: 'c',
    DB_SSL_MODE: 'require',
    DB_USER_ADMIN: 'a',
  };
  const config = parseDatabaseConfig({ ...LEAST, ...secrets });
  expect(inspect(config, { depth: 9, showHidden: true }) + JSON.stringify(config)).not.toContain('hidden');
  expect(refusal({ ...LEAST, ...secrets, DB_PORT: 'x' })).not.toContain('hidden');
});
