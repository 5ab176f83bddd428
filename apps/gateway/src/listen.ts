import { CodedError } from '@switchyard/contracts';
import type { App } from './http/app.js';

/**
 * Listens, and gives the URL at which this machine reaches the server.
 * @throws CodedError InvalidInput when the port is taken or the address is not of this machine
 */
export async function listen(app: App, { host, port }: { host: string; port: number }): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CodedError(
      'InvalidInput',
      `the gateway cannot listen on ${host}:${port} (${reason}); change SWITCHYARD_GATEWAY_HOST or SWITCHYARD_GATEWAY_PORT`,
      { cause: error },
    );
  }
  const address = app.server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return `http://${reachable(host)}:${bound}`;
}

function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
