import { CodedError, retryAfterMs } from '@switchyard/contracts';
import type { Response } from 'undici';
import type { HttpClient } from './client.js';
import { RefusedAddress } from './refused-addresses.js';

/** One request, ready to be sent: no references to secrets any more. */
export interface OutgoingRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Milliseconds until the whole answer must be there, the wait for a connection included. */
  readonly timeoutMs: number;
  /** Ends the request when the activity is cancelled. */
  readonly signal: AbortSignal;
  /** PEM certificates of the only authority that is trusted. */
  readonly ca?: string | undefined;
  /** How messages name the URL; default: without its query. For a URL that is a secret itself. */
  readonly shown?: string | undefined;
  /** Bytes of the body that are kept; default {@link MAX_BODY_BYTES}. */
  readonly maxBodyBytes?: number | undefined;
}

/** What came back, whatever the status. */
export interface Answer {
  readonly status: number;
  /** Parsed when the service says that it is JSON and it is; else text. Null when there is none. */
  readonly body: unknown;
  /** Whether the body was longer than allowed and was cut there. */
  readonly isCut: boolean;
  readonly retryAfterMs: number | undefined;
  /** Where a redirect points. */
  readonly location: string | null;
  readonly durationMs: number;
  readonly header: (name: string) => string | null;
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
 * @throws CodedError UpstreamFailed (no answer, broken answer), TimedOut, InlineCredentialsRefused, PolicyDenied
 */
export async function sendRequest(client: HttpClient, request: OutgoingRequest): Promise<Answer> {
  const { url, method, timeoutMs, signal, ca, shown = shownUrl(url) } = request;
  const target = new URL(url);
  if (target.username || target.password) {
    throw new CodedError(
      'InlineCredentialsRefused',
      `the URL of ${shown} carries credentials; send them in a header as {"$secret": "name"}`,
    );
  }
  const started = performance.now();
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await client.fetch(target, {
      method,
      headers: request.headers,
      signal: AbortSignal.any([timeout, signal]),
      ca,
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    const { text, isCut } = await readBody(response, request.maxBodyBytes ?? MAX_BODY_BYTES);
    return {
      status: response.status,
      body: isCut ? text : parseBody(text, response.headers.get('content-type')),
      isCut,
      retryAfterMs: retryAfterMs(response.headers.get('retry-after'), Date.now()),
      location: response.headers.get('location'),
      durationMs: Math.round(performance.now() - started),
      header: (name) => response.headers.get(name),
    };
  } catch (error) {
    throw requestFailure(error, { what: `${method} ${shown}`, signal, timeout, timeoutMs });
  }
}

/** What a request that had no whole answer ends with: the cancellation of the activity, or a coded error. */
export function requestFailure(
  error: unknown,
  about: {
    readonly what: string;
    readonly signal: AbortSignal;
    readonly timeout: AbortSignal;
    readonly timeoutMs: number;
  },
): unknown {
  const { what, signal, timeout, timeoutMs } = about;
  // The activity was cancelled: that is the caller's business, not the service's fault.
  if (signal.aborted) return signal.reason;
  if (timeout.aborted) {
    return new CodedError('TimedOut', `${what} did not answer within ${timeoutMs} ms`, {
      retryable: true,
      details: { timeoutMs },
    });
  }
  return unreachable(what, error);
}

async function readBody(response: Response, maxBytes: number): Promise<{ text: string; isCut: boolean }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    const bytes = chunk as Uint8Array;
    chunks.push(bytes);
    size += bytes.byteLength;
    // Leaving the loop cancels the stream: the rest is never fetched.
    if (size > maxBytes) break;
  }
  const bytes = Buffer.concat(chunks).subarray(0, maxBytes);
  return { text: new TextDecoder().decode(bytes), isCut: size > maxBytes };
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
  if (cause instanceof RefusedAddress) {
    return new CodedError('PolicyDenied', `${what} is refused: ${cause.message}`, { details: { hadEffect: false } });
  }
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : '';
  const message = cause instanceof Error ? cause.message : String(cause);
  if (CERTIFICATE_CODES.test(code)) {
    return new CodedError(
      'UpstreamFailed',
      `${what}: the certificate could not be verified (${code}); name its authority in \`ca\`, or add it with NODE_EXTRA_CA_CERTS on the worker`,
      { retryable: false, details: { code, hadEffect: false } },
    );
  }
  return new CodedError(
    'UpstreamFailed',
    `${what}: no complete answer (${[code, message].filter(Boolean).join(': ')})`,
    { details: { code: code || null, ...(NEVER_SENT.includes(code) ? { hadEffect: false } : {}) }, cause: error },
  );
}

/** Codes of a connection that was never made. */
const NEVER_SENT: readonly string[] = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
];
