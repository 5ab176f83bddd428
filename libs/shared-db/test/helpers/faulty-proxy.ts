import { createServer, connect, type Socket } from 'node:net';

/** What happens to a message of the client that holds the text. */
export type Fault = 'cut-before' | 'cut-after';

/** A relay to PostgreSQL that cuts the connection at a chosen message. */
export interface FaultyProxy extends AsyncDisposable {
  readonly port: number;
  /** Cuts the next connection that sends the text: before the server sees it, or after it acted and before its answer returns. */
  cutOn(text: string, fault: Fault): void;
  /** How many connections clients have made. */
  connections(): number;
}

/** Starts a relay on a free port. The text is looked for in single packets, which is enough for short statements. */
export async function startFaultyProxy(target: { readonly host: string; readonly port: number }): Promise<FaultyProxy> {
  let armed: { readonly text: string; readonly fault: Fault } | undefined;
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer((client) => {
    accepted++;
    const upstream = connect(target.port, target.host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    let swallowAnswers = false;
    client.on('data', (data) => {
      if (armed && data.includes(armed.text)) {
        const { fault } = armed;
        armed = undefined;
        if (fault === 'cut-before') {
          client.destroy();
          return;
        }
        swallowAnswers = true;
      }
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (swallowAnswers) client.destroy();
      else client.write(data);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cutOn: (text, fault) => {
      armed = { text, fault };
    },
    connections: () => accepted,
    async [Symbol.asyncDispose]() {
      sockets.forEach((socket) => socket.destroy());
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
