import { describe, expect, test } from 'vitest';
import { CodedError } from '@switchyard/contracts';
import { toDatabaseError } from './database-error.js';
import { keepServerMessage, markLost } from './marks.js';

const serverError = (code: string, message = 'the words of the server', fields: object = {}): Error =>
  Object.assign(new Error(message), { code, severity: 'ERROR', ...fields });

describe('an error of the server', () => {
  test.each([
    ['08006', 'DatabaseUnreachable', true],
    ['22P02', 'InvalidInput', false],
    ['23505', 'InvalidInput', false],
    ['25006', 'DatabaseUnreachable', true],
    ['25P02', 'Internal', false],
    ['28P01', 'AuthFailed', false],
    ['3D000', 'NotFound', false],
    ['40001', 'Internal', true],
    ['40P01', 'Internal', true],
    ['42501', 'AuthFailed', false],
    ['42P01', 'InvalidInput', false],
    ['53300', 'DatabaseUnreachable', true],
    ['55P03', 'LockUnavailable', true],
    ['57014', 'Internal', false],
    ['57P01', 'DatabaseUnreachable', true],
    ['XX000', 'Internal', false],
  ] as const)('%s is %s', (sqlState, code, retryable) => {
    const error = toDatabaseError(serverError(sqlState));
    expect(error).toMatchObject({ code, retryable, details: { sqlState } });
    expect(error.message).toContain(`[SQLSTATE ${sqlState}]`);
  });

  test('names table, column and constraint, and never the detail with the values', () => {
    const error = toDatabaseError(
      serverError('23505', 'insert into users values ($1) - duplicate key', {
        schema: 'public',
        table: 'users',
        constraint: 'users_email_key',
        detail: 'Key (email)=(a@example.org) already exists.',
      }),
      { action: 'create the user' },
    );
    expect(error.message).toBe(
      'create the user: a row with the same key exists already (table public.users, constraint users_email_key) [SQLSTATE 23505]',
    );
    expect(JSON.stringify(error.details)).not.toContain('example.org');
  });

  test('quotes the words of the server only where they hold names', () => {
    const missing = serverError('42P01', 'relation "nowhere" does not exist');
    keepServerMessage(missing);
    missing.message = `select 'literal' from nowhere - ${missing.message}`;
    expect(toDatabaseError(missing).message).toBe(
      'the SQL does not fit the schema: relation "nowhere" does not exist [SQLSTATE 42P01]',
    );
    const value = serverError('22P02', 'invalid input syntax for type integer: "4111-1111"');
    keepServerMessage(value);
    expect(toDatabaseError(value).message).not.toContain('4111');
  });
});

describe('an error without SQLSTATE', () => {
  test.each([
    [Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 'DatabaseUnreachable', 'ECONNREFUSED'],
    [Object.assign(new Error('x'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'AuthFailed', 'certificate'],
    [Object.assign(new Error('x'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }), 'AuthFailed', 'certificate'],
    [Object.assign(new Error('x'), { name: 'KnexTimeoutError' }), 'DatabaseUnreachable', 'DB_POOL_MAX'],
    [new Error('x'), 'Internal', 'client'],
    ['not even an error', 'Internal', 'client'],
  ] as const)('is told apart by its kind', (error, code, words) => {
    expect(toDatabaseError(error)).toMatchObject({ code, message: expect.stringContaining(words) });
  });

  test('is a lost connection when the connection said so', () => {
    const error = new Error('some words of the driver');
    markLost(error);
    expect(toDatabaseError(error)).toMatchObject({ code: 'DatabaseUnreachable', retryable: true });
  });

  test('that has a code of ours already stays as it is', () => {
    const error = new CodedError('NotFound', 'no secret');
    expect(toDatabaseError(error)).toBe(error);
  });
});
