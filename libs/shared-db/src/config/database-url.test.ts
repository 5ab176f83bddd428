import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parseDatabaseUrl } from './database-url.js';

const shown = (url: string): unknown => {
  const { password, ...rest } = parseDatabaseUrl(url);
  return { ...rest, password: password.reveal() };
};

test.each([
  [
    'postgresql://app:pw@db:5433/orders',
    { host: 'db', port: 5_433, database: 'orders', user: 'app', password: 'pw', ssl: { mode: 'disable' } },
  ],
  [
    'postgres://app@db/orders?sslmode=verify-full',
    { host: 'db', port: 5_432, database: 'orders', user: 'app', password: '', ssl: { mode: 'verify-full' } },
  ],
  [
    'postgres://app:p%40s%2Fs@[::1]/my%20db?sslmode=prefer',
    { host: '::1', port: 5_432, database: 'my db', user: 'app', password: 'p@s/s', ssl: { mode: 'prefer' } },
  ],
  [
    'jdbc:postgresql://db/orders?user=app&password=pw&sslmode=allow',
    { host: 'db', port: 5_432, database: 'orders', user: 'app', password: 'pw', ssl: { mode: 'prefer' } },
  ],
])('a URL is read: %s', (url, expected) => {
  expect(shown(url)).toEqual(expected);
});

describe('a URL that is refused', () => {
  test.each([
    ['postgresql://app:hunter2@:5432/orders', 'is not a URL'],
    ['mysql://app:hunter2@db/orders', 'must start with postgresql://'],
    ['postgresql://app:hunter2@db', 'names no database'],
    ['postgresql://db/orders?password=hunter2', 'names no user'],
    ['postgresql://app:hunter2@db/orders?sslmod=require', 'did you mean "sslmode"?'],
    ['postgresql://app:hunter2@db/orders?sslmode=yes', 'unknown sslmode "yes"'],
    ['postgresql://app:hunter2%zz@db/orders', 'not percent-encoded'],
    ['host=db password=hunter2', 'is not a URL'],
  ])('says why and never repeats it: %s', (url, message) => {
    let error: unknown;
    try {
      parseDatabaseUrl(url);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: 'InvalidInput', message: expect.stringContaining(message) });
    expect(inspect(error, { depth: 9 })).not.toContain('hunter2%');
    expect((error as Error).message).not.toContain('hunter2');
  });
});

test('a parsed URL prints no password', () => {
  expect(inspect(parseDatabaseUrl('postgresql://app:hunter2@db/orders'), { showHidden: true })).not.toContain(
    'hunter2',
  );
});
