import { connect, createServer, type Socket } from 'node:net';

/** A relay to PostgreSQL whose far side can vanish without a word, as a host does that lost its power. */
export interface SilentProxy extends AsyncDisposable {
  readonly port: number;
  /** Passes nothing on from now on, in neither direction, and closes nothing. */
  readonly fallSilent: () => void;
}

/** Starts a relay on a free port. */
export async function startSilentProxy(target: { readonly host: string; readonly port: number }): Promise<SilentProxy> {
  let isSilent = false;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target.port, target.host);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined);
      from.on('data', (data) => {
        if (!isSilent) to.write(data);
      });
      from.on('close', () => {
        sockets.delete(from);
        if (!isSilent) to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the relay has no port');
  return {
    port: address.port,
    fallSilent: () => {
      isSilent = true;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
