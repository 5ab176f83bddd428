import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** A request as the fake saw it. */
export interface RecordedRequest {
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
}

/** What the fake answers. An object or array as `body` is sent as JSON. */
export interface FakeAnswer {
  /** Default 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Milliseconds before the answer. */
  readonly delayMs?: number;
  /** Cut the connection in place of an answer. */
  readonly drop?: boolean;
}

/** `'GET /path'` to an answer, a list of answers (one per request, the last one stays), or a function. */
export type FakeRoutes = Readonly<
  Record<string, FakeAnswer | readonly FakeAnswer[] | ((request: RecordedRequest) => FakeAnswer | Promise<FakeAnswer>)>
>;

/** A third-party service that a test owns, over real HTTP on loopback. */
export interface FakeHttp extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Every request so far, also those that no route fits. */
  readonly requests: readonly RecordedRequest[];
  /** Adds or replaces routes. */
  readonly on: (routes: FakeRoutes) => void;
  readonly close: () => Promise<void>;
}

/** Starts a fake. A request that no route fits gets 404 with the known routes in the body. `*` ends a path as wildcard. */
export async function fakeHttp(routes: FakeRoutes = {}): Promise<FakeHttp> {
  const table = new Map(Object.entries(routes));
  const counts = new Map<string, number>();
  const requests: RecordedRequest[] = [];

  const answerTo = async (request: RecordedRequest): Promise<FakeAnswer> => {
    const key = routeOf(table, `${request.method} ${request.path}`);
    const route = key === undefined ? undefined : table.get(key);
    if (key === undefined || route === undefined)
      return { status: 404, body: { error: 'no such route', routes: [...table.keys()] } };
    if (typeof route === 'function') return route(request);
    if (!isList(route)) return route;
    const count = counts.get(key) ?? 0;
    counts.set(key, count + 1);
    return route[Math.min(count, route.length - 1)] ?? {};
  };

  const respond = async (
    request: RecordedRequest,
    incoming: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    const answer = await answerTo(request).catch((error: unknown): FakeAnswer => ({
      status: 500,
      body: { error: String(error) },
    }));
    if (answer.delayMs !== undefined) await sleep(answer.delayMs);
    if (answer.drop) {
      incoming.socket.destroy();
      return;
    }
    const isText = typeof answer.body === 'string';
    const type = isText ? 'text/plain; charset=utf-8' : 'application/json';
    response.writeHead(answer.status ?? 200, { 'content-type': type, ...answer.headers });
    response.end(answer.body === undefined ? '' : isText ? answer.body : JSON.stringify(answer.body));
  };

  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const url = new URL(incoming.url ?? '/', 'http://fake');
      const body = Buffer.concat(chunks).toString('utf8');
      const request: RecordedRequest = {
        method: incoming.method ?? 'GET',
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: incoming.headers,
        body,
        json: parsed(body),
      };
      requests.push(request);
      respond(request, incoming, response).catch(() => incoming.socket.destroy());
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the fake has no port');
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    requests,
    on: (more) => {
      for (const [key, route] of Object.entries(more)) {
        table.set(key, route);
        counts.delete(key);
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

function routeOf(table: ReadonlyMap<string, unknown>, request: string): string | undefined {
  if (table.has(request)) return request;
  return [...table.keys()].find((key) => key.endsWith('*') && request.startsWith(key.slice(0, -1)));
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
