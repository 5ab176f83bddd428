import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';

/** A git server that a test owns, over real HTTP on loopback: `git http-backend` behind basic authentication. */
export interface GitServer extends AsyncDisposable {
  /** Address of the repository. */
  readonly url: string;
  /** User and password of each request that had them, in order. */
  readonly seen: readonly string[];
  /** How often objects were asked for. */
  readonly fetches: () => number;
  /** From now on an answer with objects stops after its first half, until `release`. */
  readonly hold: () => void;
  /** How many answers are held. */
  readonly held: () => number;
  readonly release: () => void;
}

/** Options of {@link startGitServer}. */
export interface GitServerOptions {
  /** Directory of the repository; its parent is the root of the server. */
  readonly path: string;
  /** `user:password` that every request must have. Default: anybody may read. */
  readonly credentials?: string;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Starts a server for one repository. */
export async function startGitServer({ path: repository, credentials }: GitServerOptions): Promise<GitServer> {
  const seen: string[] = [];
  const waiting: (() => void)[] = [];
  let fetches = 0;
  let isHolding = false;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const given = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const decoded = given === undefined ? undefined : Buffer.from(given, 'base64').toString('utf8');
    if (decoded !== undefined) seen.push(decoded);
    const body = await buffer(request);
    if (credentials !== undefined && decoded !== credentials) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end('who are you?\n');
      return;
    }
    const { status, headers, body: answered } = await backend(request, body, path.dirname(repository));
    response.writeHead(status, headers);
    // A pack begins so behind the marker of the first side band.
    const hasObjects = answered.includes('\u0001PACK');
    if (hasObjects) fetches += 1;
    if (isHolding && hasObjects) {
      response.write(answered.subarray(0, answered.length / 2));
      await new Promise<void>((resolve) => waiting.push(resolve));
      response.end(answered.subarray(answered.length / 2));
      return;
    }
    response.end(answered);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const release = (): void => {
    isHolding = false;
    for (const go of waiting.splice(0)) go();
  };
  return {
    url: `http://127.0.0.1:${port}/${path.basename(repository)}`,
    seen,
    fetches: () => fetches,
    hold: () => (isHolding = true),
    held: () => waiting.length,
    release,
    [Symbol.asyncDispose]: async () => {
      release();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One request as CGI, as web servers give it to `git http-backend`. */
async function backend(request: IncomingMessage, body: Buffer, root: string): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      CONTENT_LENGTH: String(body.length),
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(body);
  const output = await buffer(child.stdout);
  const end = output.indexOf('\r\n\r\n');
  const headers = Object.fromEntries(
    output
      .subarray(0, end)
      .toString('utf8')
      .split('\r\n')
      .map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const { status = '200', ...rest } = headers;
  return { status: Number.parseInt(status, 10), headers: rest, body: output.subarray(end + 4) };
}
