import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { envSecrets } from '../secrets/env-provider.js';
import { createSecrets } from '../secrets/secrets.js';
import { parseDatabases } from './named-databases.js';

const directory = mkdtempSync(path.join(tmpdir(), 'switchyard-databases-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const file = (name: string, text: string): string => {
  const target = path.join(directory, name);
  writeFileSync(target, text);
  return target;
};

const secretEnv: Record<string, string> = { SECRET_APP_PASSWORD: 'from-secrets' };
const secrets = createSecrets({ chain: [envSecrets({ env: secretEnv })] });
const entry = { host: 'db', database: 'app', user: 'app_user' };
const parse = (databases: unknown, env: Record<string, string> = {}): ReturnType<typeof parseDatabases> =>
  parseDatabases({ SWITCHYARD_DATABASES: JSON.stringify(databases), ...env }, secrets);

describe('a named connection', () => {
  test('is resolved with defaults and its password', async () => {
    const databases = parse({ app: { ...entry, password: { $secret: 'app-password' } } });
    expect(databases.names).toEqual(['app']);
    const connection = await databases.resolve('app');
    expect(connection).toMatchObject({
      host: 'db',
      port: 5_432,
      database: 'app',
      user: 'app_user',
      ssl: { mode: 'disable' },
      pooler: 'none',
    });
    expect(connection.password.reveal()).toBe('from-secrets');
    secretEnv['SECRET_APP_PASSWORD'] = 'rotated';
    expect((await connection.renewPassword?.())?.reveal()).toBe('rotated');
  });

  test('takes its password from a file or a variable', async () => {
    const databases = parse(
      {
        a: { ...entry, passwordFile: file('pw', 'from-file\n') },
        b: { ...entry, passwordEnv: 'B_PASSWORD' },
        c: entry,
      },
      { B_PASSWORD: 'from-env' },
    );
    const passwords = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => (await databases.resolve(name)).password.reveal()),
    );
    expect(passwords).toEqual(['from-file', 'from-env', '']);
  });

  test('reads its certificates', async () => {
    const ssl = {
      mode: 'verify-full',
      caFile: file('ca', 'CA'),
      certFile: file('cert', 'CERT'),
      keyFile: file('key', 'KEY'),
    };
    const connection = await parse({ app: { ...entry, ssl } }).resolve('app');
    expect(connection.ssl).toMatchObject({ mode: 'verify-full', ca: 'CA', cert: 'CERT' });
    expect(connection.ssl.key?.reveal()).toBe('KEY');
  });

  test('can be listed in a file', async () => {
    const databases = parseDatabases(
      { SWITCHYARD_DATABASES: file('databases.json', JSON.stringify({ app: entry })) },
      secrets,
    );
    expect(await databases.resolve('app')).toMatchObject({ host: 'db' });
  });
});

describe('what is refused', () => {
  test('an unknown name, with the nearest known one', async () => {
    await expect(parse({ app: entry, orders: entry }).resolve('order')).rejects.toMatchObject({
      code: 'NotFound',
      message: 'No connection "order"; did you mean "orders"?',
    });
    await expect(parseDatabases({}, secrets).resolve('toString')).rejects.toThrow('SWITCHYARD_DATABASES names none');
  });

  test('a password that is missing where it should be', async () => {
    const databases = parse({
      a: { ...entry, password: { $secret: 'unknown' } },
      b: { ...entry, passwordFile: '/nowhere' },
      c: { ...entry, passwordEnv: 'NOT_SET' },
    });
    for (const [name, place] of [
      ['a', 'SECRET_UNKNOWN'],
      ['b', '/nowhere'],
      ['c', 'NOT_SET'],
    ] as const) {
      await expect(databases.resolve(name)).rejects.toMatchObject({
        code: 'NotFound',
        message: expect.stringContaining(place),
      });
    }
  });

  test('a password in clear text, without repeating it', () => {
    let message = '';
    try {
      parse({ app: { ...entry, password: 'hunter2' } });
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain('app.password is in clear text');
    expect(message).not.toContain('hunter2');
  });

  test.each([
    [{ app: { ...entry, pasword: { $secret: 'x' } } }, 'did you mean "password"?'],
    [{ app: { ...entry, port: 0 } }, 'app.port'],
    [{ app: { ...entry, passwordFile: 'f', passwordEnv: 'E' } }, 'keep one'],
    [{ app: { ...entry, ssl: { certFile: 'c' } } }, 'belong together'],
    [{ app: { database: 'x', user: 'y' } }, 'app.host'],
  ])('an entry with a mistake, with its place', (databases, message) => {
    expect(() => parse(databases)).toThrow(message);
  });

  test('a setting that is neither JSON nor a file', () => {
    expect(() => parseDatabases({ SWITCHYARD_DATABASES: '{"app": ' }, secrets)).toThrow('not valid JSON');
    expect(() => parseDatabases({ SWITCHYARD_DATABASES: '/nowhere.json' }, secrets)).toThrow('/nowhere.json');
  });
});
