import pg from 'pg';

/** The parts of the driver's low-level connection that a cancel request needs. */
interface RawConnection extends NodeJS.EventEmitter {
  readonly stream: { destroy(): void };
  connect(portOrSocket: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
}

/** What a cancel request needs to know about the connection whose statement is to end. */
export interface CancelTarget {
  readonly host: string;
  readonly port: number;
  readonly ssl: false | object;
  readonly processId: number;
  readonly secretKey: number;
}

/**
 * Asks the server to cancel what a connection is doing, by the protocol's own cancel request on a connection of its own.
 * Unlike `pg_cancel_backend` it works behind PgBouncer, which hands out process ids and keys of its own and translates them.
 * Resolves when the server has closed the request's connection: it has then passed the signal on.
 */
export function cancelStatement(target: CancelTarget, timeoutMs = 5_000): Promise<void> {
  return new Promise((resolve, reject) => {
    const Connection = pg.Connection as unknown as new (options: object) => RawConnection;
    const connection = new Connection({ ssl: target.ssl });
    const timer = setTimeout(() => {
      connection.stream.destroy();
      reject(new Error('The cancel request was not answered in time'));
    }, timeoutMs);
    const send = (): void => connection.cancel(target.processId, target.secretKey);
    connection.on('connect', () => (target.ssl ? connection.requestSsl() : send()));
    connection.on('sslconnect', send);
    connection.once('end', () => {
      clearTimeout(timer);
      resolve();
    });
    connection.on('error', (error: Error) => {
      clearTimeout(timer);
      reject(error);
    });
    if (target.host.startsWith('/')) connection.connect(`${target.host}/.s.PGSQL.${target.port}`);
    else connection.connect(target.port, target.host);
  });
}
