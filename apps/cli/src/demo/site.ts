import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** The outside world of the demo: it serves what the hosts published, and takes the notification. */
export interface DemoSite {
  readonly url: string;
  readonly notifyUrl: string;
  /** Bodies of the notifications received so far. */
  readonly notifications: readonly unknown[];
  close(): Promise<void>;
}

/** Most bytes of a notification that are read. */
const MAX_BODY = 64 * 1024;

/** Serves `<root>/hosts/<name>/health.json` and takes POST /notify, on a free loopback port. */
export async function openSite(root: string): Promise<DemoSite> {
  const notifications: unknown[] = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const host = /^\/hosts\/([\w-]+)\/health\.json$/.exec(pathname)?.[1];
    if (request.method === 'POST' && pathname === '/notify') {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (chunk: string) => (body = (body + chunk).slice(0, MAX_BODY)));
      request.on('end', () => {
        notifications.push(JSON.parse(body));
        response.writeHead(204).end();
      });
      return;
    }
    if (host === undefined) {
      response.writeHead(404).end();
      return;
    }
    readFile(join(root, 'hosts', host, 'health.json')).then(
      (content) => response.writeHead(200, { 'content-type': 'application/json' }).end(content),
      () => response.writeHead(503).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    notifyUrl: `${url}/notify`,
    notifications,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
