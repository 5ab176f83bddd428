import { createServer, type Server, type ServerResponse } from 'node:http';
import { CodedError } from '@switchyard/contracts';

/** What the health endpoint tells. */
export interface HealthOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** State of the worker: `STARTING`, or Temporal's own (`RUNNING`, `DRAINING`, ...). */
  readonly state: () => string;
  /** Where the runtime serves its metrics; absent when none are kept. */
  readonly metricsUrl?: string;
}

/** A running health endpoint. */
export interface HealthServer {
  /** `http://host:port` */
  readonly url: string;
  close(): Promise<void>;
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}

async function answerMetrics(response: ServerResponse, metricsUrl: string | undefined): Promise<void> {
  if (metricsUrl === undefined) {
    answer(response, 404, { error: 'no metrics are kept; set SWITCHYARD_METRICS_PORT' });
    return;
  }
  try {
    const metrics = await fetch(metricsUrl, { signal: AbortSignal.timeout(5_000) });
    const body = await metrics.text();
    response.writeHead(metrics.status, { 'content-type': metrics.headers.get('content-type') ?? 'text/plain' });
    response.end(body);
  } catch (error) {
    answer(response, 502, { error: error instanceof Error ? error.message : String(error) });
  }
}

function handle({ state, metricsUrl }: HealthOptions, path: string, response: ServerResponse): void {
  // That this line runs is the proof: a blocked event loop answers nothing.
  if (path === '/live') answer(response, 200, { status: 'live' });
  else if (path === '/ready') answer(response, state() === 'RUNNING' ? 200 : 503, { state: state() });
  else if (path === '/metrics') void answerMetrics(response, metricsUrl);
  else answer(response, 404, { error: `no ${path} here`, paths: ['/live', '/ready', '/metrics'] });
}

/** Starts the health endpoint: `/live` (the event loop turns), `/ready` (the worker polls), `/metrics`. */
export async function startHealthServer(options: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') answer(response, 405, { error: 'read only' });
    else handle(options, new URL(request.url ?? '/', 'http://health').pathname, response);
  });
  await listen(server, options);
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : options.port;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listen(server: Server, { host, port }: HealthOptions): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CodedError(
      'InvalidInput',
      `the health endpoint cannot listen on ${host}:${port} (${reason}); change SWITCHYARD_HEALTH_HOST or SWITCHYARD_HEALTH_PORT`,
      { cause: error },
    );
  }
}
