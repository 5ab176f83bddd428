import { CodedError } from '@switchyard/contracts';
import type { Answer } from '../http/request.js';

/** Characters of a body that a failure carries. */
const SHOWN_BODY = 2_000;

/** Statuses that may change by themselves: the request is sent again, after Retry-After where the service names it. */
const isPassing = (status: number): boolean => status === 408 || status === 425 || status === 429 || status >= 500;

/** The failure for an answer whose status was not expected. */
export function statusFailure(what: string, answer: Answer, expected: readonly number[]): CodedError {
  const { status, location } = answer;
  const body = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
  const redirect = location === null ? '' : `; it redirects to ${location.split('?')[0]}, which is not followed`;
  return new CodedError('UpstreamFailed', `${what} answered ${status}, expected ${expected.join(' or ')}${redirect}`, {
    retryable: isPassing(status),
    details: {
      status,
      body: body.length > SHOWN_BODY ? `${body.slice(0, SHOWN_BODY)}...` : body,
      ...(answer.retryAfterMs === undefined ? {} : { retryAfterMs: answer.retryAfterMs }),
    },
  });
}
