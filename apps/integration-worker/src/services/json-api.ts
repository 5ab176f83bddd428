import { formatProblems, parse } from '@switchyard/contracts';
import type { z } from 'zod';
import type { CallTools } from '../activities/call.js';
import { shownUrl, type Answer } from '../http/request.js';
import { serviceFailure, strangeAnswer } from '../http/status-failure.js';

/** A service that speaks JSON. */
export interface JsonApiOptions {
  /** As people call it: `Jira`. */
  readonly name: string;
  /** What stands before every path. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds for one request. */
  readonly timeoutMs: number;
  readonly ca?: string | undefined;
  /** What the service says is wrong, in the body of an answer that failed. */
  readonly saidIn: (body: unknown) => string | undefined;
  /** Milliseconds that the service asks to wait, where its body says so in place of a header. */
  readonly waitIn?: (body: unknown) => number | undefined;
}

/** One request to it. */
export interface JsonRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses that are no failure, beside 2xx: the caller looks at them. */
  readonly allow?: readonly number[];
}

/** Sends requests to one service for one call. */
export interface JsonApi {
  /** Sends a request; the body is not looked at. */
  readonly send: (request: JsonRequest) => Promise<Answer>;
  /** Parses the body of an answer. @throws CodedError UpstreamFailed for one that is not what the service documents */
  readonly read: <S extends z.ZodType>(schema: S, answer: Answer) => z.output<S>;
  /** Sends a request and parses the body of the answer. */
  readonly ask: <S extends z.ZodType>(schema: S, request: JsonRequest) => Promise<z.output<S>>;
}

/** Lists of a service may be long; what a step gives is cut later. */
const MOST_BODY_BYTES = 8 * 1024 * 1024;

/** A client of one service, which fails with AuthFailed, UpstreamFailed or TimedOut. */
export function jsonApi(tools: CallTools, options: JsonApiOptions): JsonApi {
  const { name, headers, timeoutMs, ca } = options;
  const base = options.url.replace(/\/+$/, '');
  const send: JsonApi['send'] = async (request) => {
    const query = new URLSearchParams(request.query).toString();
    const url = `${base}${request.path}${query === '' ? '' : `?${query}`}`;
    const { body } = request;
    const answer = await tools.send({
      url,
      method: request.method,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
        ...request.headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeoutMs,
      ca,
      maxBodyBytes: MOST_BODY_BYTES,
    });
    const { status } = answer;
    if ((status >= 200 && status < 300) || request.allow?.includes(status)) return answer;
    const wait = answer.retryAfterMs ?? (status === 429 ? options.waitIn?.(answer.body) : undefined);
    if (wait !== undefined) tools.noteWait(url, wait);
    const what = `${name} (${request.method} ${shownUrl(url)})`;
    throw serviceFailure(what, { ...answer, retryAfterMs: wait }, options.saidIn(answer.body));
  };
  const read: JsonApi['read'] = (schema, answer) => {
    if (answer.isCut) throw strangeAnswer(name, answer, `more than ${MOST_BODY_BYTES} bytes`);
    if (typeof answer.body === 'string') {
      throw strangeAnswer(name, answer, `${answer.header('content-type') ?? 'no content type'} in place of JSON`);
    }
    const parsed = parse(schema, answer.body);
    if (!parsed.ok) throw strangeAnswer(name, answer, formatProblems(parsed.problems));
    return parsed.value;
  };
  return {
    send,
    read,
    ask: async (schema, request) => read(schema, await send(request)),
  };
}

/** The value of an Authorization header with a user and a password. */
export const basicAuth = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
