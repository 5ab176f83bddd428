import { CodedError } from '@switchyard/contracts';
import { retryAfterMs } from './retry-after.js';

/** One request, ready to be sent: no references to secrets any more. */
export interface OutgoingRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Milliseconds until the whole answer must be there. */
  readonly timeoutMs: number;
  /** Ends the request when the activity is cancelled. */
  readonly signal: AbortSignal;
}

/** What came back, whatever the status. */
export interface Answer {
  readonly status: number;
  /** Parsed when the service says that it is JSON and it is; else text. Null when there is none. */
  readonly body: unknown;
  /** Whether the body was longer than {@link MAX_BODY_BYTES} and was cut there. */
  readonly isCut: boolean;
  readonly retryAfterMs: number | undefined;
  /** Where a redirect points; redirects are not followed, for they would carry credentials to another server. */
  readonly location: string | null;
  readonly durationMs: number;
}

/** Bytes of a response body that are kept: results travel through workflow history. */
export const MAX_BODY_BYTES = 256 * 1024;

/** A URL as events and messages show it: without query and fragment, where tokens like to be. */
export function shownUrl(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/**
 * Sends one request and reads the answer. TLS certificates are verified; redirects are not followed.
 * @throws CodedError UpstreamFailed (no answer, broken answer), TimedOut, InlineCredentialsRefused
 */
export async function sendRequest(request: OutgoingRequest): Promise<Answer> {
  const { url, method, timeoutMs, signal } = request;
  const target = new URL(url);
  if (target.username || target.password) {
    throw new CodedError(
      'InlineCredentialsRefused',
      `the URL of ${shownUrl(url)} carries credentials; send them in a header as {"$secret": "name"}`,
    );
  }
  const started = performance.now();
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(target, {
      method,
      headers: request.headers,
      redirect: 'manual',
      signal: AbortSignal.any([timeout, signal]),
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    const { text, isCut } = await readBody(response);
    return {
      status: response.status,
      body: isCut ? text : parseBody(text, response.headers.get('content-type')),
      isCut,
      retryAfterMs: retryAfterMs(response.headers.get('retry-after'), Date.now()),
      location: response.headers.get('location'),
      durationMs: Math.round(performance.now() - started),
    };
  } catch (error) {
    // The activity was cancelled: that is the caller's business, not the service's fault.
    if (signal.aborted) throw signal.reason;
    if (timeout.aborted) {
      throw new CodedError('TimedOut', `${method} ${shownUrl(url)} did not answer within ${timeoutMs} ms`, {
        retryable: true,
        details: { timeoutMs },
      });
    }
    throw unreachable(`${method} ${shownUrl(url)}`, error);
  }
}

async function readBody(response: Response): Promise<{ text: string; isCut: boolean }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    size += chunk.byteLength;
    // Leaving the loop cancels the stream: the rest is never fetched.
    if (size > MAX_BODY_BYTES) break;
  }
  const bytes = Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES);
  return { text: new TextDecoder().decode(bytes), isCut: size > MAX_BODY_BYTES };
}

function parseBody(text: string, contentType: string | null): unknown {
  if (text === '') return null;
  if (!/\bjson\b/i.test(contentType ?? '')) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Codes with which Node refuses a certificate: trying again does not mend it. */
const CERTIFICATE_CODES = /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED|UNABLE_TO_|ERR_TLS_)/;

function unreachable(what: string, error: unknown): CodedError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : '';
  const message = cause instanceof Error ? cause.message : String(cause);
  if (CERTIFICATE_CODES.test(code)) {
    return new CodedError(
      'UpstreamFailed',
      `${what}: the certificate could not be verified (${code}); add its authority with NODE_EXTRA_CA_CERTS on the worker`,
      { retryable: false, details: { code } },
    );
  }
  return new CodedError(
    'UpstreamFailed',
    `${what}: no complete answer (${[code, message].filter(Boolean).join(': ')})`,
    {
      details: { code: code || null },
      cause: error,
    },
  );
}
