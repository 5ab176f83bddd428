import { CodedError } from '@switchyard/contracts';
import type { Answer } from './request.js';

/** Characters of a body that a failure carries. */
const SHOWN_BODY = 2_000;

/** Statuses that may change by themselves: the request is sent again, after Retry-After where the service names it. */
const isPassing = (status: number): boolean => status === 408 || status === 425 || status === 429 || status >= 500;

/** The failure for an answer whose status was not expected. */
export function statusFailure(what: string, answer: Answer, expected: readonly number[]): CodedError {
  const { status, location } = answer;
  const redirect = location === null ? '' : `; it redirects to ${location.split('?')[0]}, which is not followed`;
  return new CodedError('UpstreamFailed', `${what} answered ${status}, expected ${expected.join(' or ')}${redirect}`, {
    retryable: isPassing(status),
    details: detailsOf(answer),
  });
}

/**
 * The failure for an answer of a service that Switchyard knows: refused credentials are AuthFailed, whatever else
 * UpstreamFailed with what the service said.
 * @param said what the service says is wrong, from its body
 */
export function serviceFailure(what: string, answer: Answer, said: string | undefined): CodedError {
  const { status } = answer;
  const told = said === undefined || said === '' ? '' : `: ${said}`;
  if (status === 401 || status === 403) {
    return new CodedError(
      'AuthFailed',
      `${what} refused the credentials (${status})${told}; check the secret that the step names, and its rights`,
      { details: detailsOf(answer) },
    );
  }
  return new CodedError('UpstreamFailed', `${what} answered ${status}${told}`, {
    retryable: isPassing(status),
    details: detailsOf(answer),
  });
}

/** The failure for an answer that is well by its status and not what the service documents. */
export function strangeAnswer(what: string, answer: Answer, problem: string): CodedError {
  return new CodedError(
    'UpstreamFailed',
    `${what} answered ${answer.status} with something else than it documents: ${problem}`,
    {
      // No status in the details: whether the request had its effect is not known.
      details: { body: shownBody(answer.body) },
    },
  );
}

function detailsOf(answer: Answer): Record<string, unknown> {
  return {
    status: answer.status,
    body: shownBody(answer.body),
    ...(answer.retryAfterMs === undefined ? {} : { retryAfterMs: answer.retryAfterMs }),
  };
}

function shownBody(body: unknown): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return text.length > SHOWN_BODY ? `${text.slice(0, SHOWN_BODY)}...` : text;
}
