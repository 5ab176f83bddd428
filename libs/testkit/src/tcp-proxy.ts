import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';

/** A proxy in front of a server that can lose its connections at chosen moments. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** From now on answers of the server are swallowed. */
  swallowAnswers(): void;
  /** Cuts every connection. New ones work, and answers come again. */
  cut(): void;
  /** Cuts every connection and refuses new ones until `cut` is called. */
  refuse(): void;
}

/** Starts a proxy to a port on this machine. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let isSwallowing = false;
  let isRefusing = false;
  const endAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((client) => {
    if (isRefusing) {
      client.destroy();
      return;
    }
    const target = connectTcp(targetPort, '127.0.0.1');
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (data) => target.write(data));
    target.on('data', (data) => {
      if (!isSwallowing) client.write(data);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    swallowAnswers: () => {
      isSwallowing = true;
    },
    cut: () => {
      isSwallowing = false;
      isRefusing = false;
      endAll();
    },
    refuse: () => {
      isRefusing = true;
      endAll();
    },
    [Symbol.asyncDispose]: async () => {
      endAll();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
