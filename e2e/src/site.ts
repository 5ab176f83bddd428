import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** The outside world of the example runbook: it serves the hosts' health files and takes notifications. */
export interface Site {
  readonly url: string;
  readonly notifications: string[];
  /** Where the hosts of the next run live. */
  serve(folder: string): void;
  close(): Promise<void>;
}

/** Starts it on a free loopback port. */
export async function startSite(): Promise<Site> {
  let root = '';
  const notifications: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      if (request.method === 'POST') {
        notifications.push(body);
        response.writeHead(204).end();
        return;
      }
      readFile(join(root, request.url ?? '')).then(
        (content) => response.end(content),
        () => response.writeHead(503).end(),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    notifications,
    serve: (folder) => (root = folder),
    close: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()),
  };
}
