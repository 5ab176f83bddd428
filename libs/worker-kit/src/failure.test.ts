import { connect } from 'node:net';
import { CodedError, FAILURES, type FailureCode } from '@switchyard/contracts';
import { createMasker } from '@switchyard/process';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { toFailure } from './failure.js';

/** The failure, which has to be an ApplicationFailure. */
function failureOf(thrown: unknown, secrets: readonly string[] = []): ApplicationFailure {
  const failure = toFailure(thrown, createMasker(secrets));
  if (failure instanceof ApplicationFailure) return failure;
  throw new Error('no ApplicationFailure', { cause: failure });
}

describe('toFailure', () => {
  it.each(Object.keys(FAILURES) as FailureCode[])('gives %s its type and retryability', (code) => {
    expect(failureOf(new CodedError(code, 'what happened'))).toMatchObject({
      type: code,
      message: 'what happened',
      nonRetryable: !FAILURES[code].retryable,
    });
  });

  it('keeps details, and lets the thrower decide about retries', () => {
    const error = new CodedError('NotFound', 'not yet there', { retryable: true, details: { path: 'x' } });
    expect(failureOf(error)).toMatchObject({ nonRetryable: false, details: [{ path: 'x' }] });
  });

  it('lets what is expected, such as one more look of a run that waits, be no matter for the log', () => {
    expect(failureOf(new CodedError('LockUnavailable', 'held', { isExpected: true })).category).toBe('BENIGN');
    expect(failureOf(new CodedError('LockUnavailable', 'held')).category).not.toBe('BENIGN');
  });

  it('knows a coded error of another copy of the contracts by its shape', () => {
    const foreign = Object.assign(new Error('locked'), { code: 'LockUnavailable', retryable: true, details: [1] });
    expect(failureOf(foreign)).toMatchObject({ type: 'LockUnavailable', nonRetryable: false, details: [[1]] });
  });

  it('maps system errors, of fetch too', async () => {
    const refused = await new Promise((resolve) => connect(1, '127.0.0.1').on('error', resolve));
    expect(failureOf(refused)).toMatchObject({ type: 'UpstreamFailed', nonRetryable: false });
    expect(failureOf(new TypeError('fetch failed', { cause: refused })).type).toBe('UpstreamFailed');
    const missing = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT', syscall: 'open' });
    expect(failureOf(missing)).toMatchObject({ type: 'NotFound', nonRetryable: true });
    const spawn = Object.assign(new Error('spawn terraform ENOENT'), { code: 'ENOENT', syscall: 'spawn terraform' });
    expect(failureOf(spawn).type).toBe('ToolMissing');
  });

  it('takes a schema error for invalid input', () => {
    const { error } = z.object({ a: z.string() }).safeParse({});
    expect(failureOf(error)).toMatchObject({ type: 'InvalidInput', nonRetryable: true });
  });

  it.each([
    ['an error', new Error('odd')],
    ['a text', 'odd'],
    ['nothing', undefined],
  ])('takes %s that it does not know for a fault of its own', (_what, thrown) => {
    expect(failureOf(thrown)).toMatchObject({ type: 'Internal', nonRetryable: false });
  });

  it('hides secrets in message, details, stack and cause', () => {
    const secret = 'hunter22';
    const cause = new Error(`login with ${secret} failed`);
    const error = new CodedError('AuthFailed', `refused ${secret}`, { details: { [secret]: [secret] }, cause });
    const failure = failureOf(error, [secret]);
    const { message, details, stack, cause: kept } = failure;
    expect(JSON.stringify([message, details, stack, kept?.message, kept?.stack])).not.toContain(secret);
    expect(kept?.message).toBe('login with *** failed');
    expect(failureOf(ApplicationFailure.nonRetryable(`own ${secret}`, 'InvalidInput', secret), [secret])).toMatchObject(
      {
        message: 'own ***',
        type: 'InvalidInput',
        nonRetryable: true,
        details: ['***'],
      },
    );
  });

  it('does not let details that are too large, or no JSON, hide the failure', () => {
    const large = new CodedError('MigrationFailed', 'x', { details: 'x'.repeat(1_000_000) });
    expect(failureOf(large).details).toEqual([{ omitted: 'details of 1000002 characters' }]);
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    const [detail] = failureOf(new CodedError('MigrationFailed', 'x', { details: circle })).details ?? [];
    expect(detail).toMatchObject({ omitted: expect.stringContaining('no JSON') });
  });

  it('hands a cancellation back untouched', () => {
    const cancelled = new CancelledFailure('WORKER_SHUTDOWN');
    expect(toFailure(cancelled, createMasker(['WORKER_SHUTDOWN']))).toBe(cancelled);
  });
});
