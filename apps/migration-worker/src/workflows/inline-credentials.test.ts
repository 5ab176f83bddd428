import { describe, expect, it } from 'vitest';
import { databaseNameIn, holdsPassword } from './inline-credentials.js';

describe('holdsPassword', () => {
  it.each([
    'postgres://u:secretword@db/app',
    'postgresql://u:p%40ss@db:5432/app?sslmode=require',
    'postgres://u@db/app?password=secretword',
    'jdbc:postgresql://db/app?user=u&password=secretword',
    'host=db user=u password=secretword',
    // A slash or an at sign that is not percent-encoded: the rest of the password reads as a path.
    'postgres://u:12/secretword@db/app',
    'postgres://u:se/cret@word@db/app',
    'u:secretword@db/app',
  ])('sees the one in %s', (url) => {
    expect(holdsPassword(url)).toBe(true);
    expect(databaseNameIn(url)).toBe('database');
  });

  it.each([
    'postgres://u@db/app',
    'postgresql://db:5432/app?sslmode=verify-full',
    'jdbc:postgresql://db/app',
    'no url at all',
  ])('sees none in %s', (url) => {
    expect(holdsPassword(url)).toBe(false);
  });

  it('lets a plain URL be named by database and host', () => {
    expect(databaseNameIn('postgres://u@db:5432/app')).toBe('app at db');
    expect(databaseNameIn('nonsense')).toBe('database');
  });
});
