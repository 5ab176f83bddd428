import type { Db } from './sql.js';

/** Hears the notifications of one channel. One per process serves all subscribers, so that each costs no connection. */
export interface Listener {
  /** Calls `wake` at a notification with this payload; without a payload, at every one. Returns how to stop. */
  subscribe(payload: string | undefined, wake: () => void): () => void;
  /** Whether the connection is up. While it is not, subscribers live on their own polling. */
  readonly isListening: boolean;
  /** Closes the connection. Subscribers are woken no more. */
  close(): Promise<void>;
}

/** What is needed of a pg client. */
interface RawConnection {
  query(sql: string): Promise<unknown>;
  on(event: 'notification', listener: (message: { payload?: string }) => void): unknown;
  on(event: 'end' | 'error', listener: () => void): unknown;
}

interface RawConnections {
  acquireRawConnection(): Promise<RawConnection>;
  destroyRawConnection(connection: RawConnection): Promise<void>;
}

/** Milliseconds before a lost connection is opened again: first, and at most. */
const RECONNECT_MS = { first: 200, most: 10_000 } as const;

/**
 * Opens a listener. It takes a connection outside of the pool when the first subscriber comes, gives it back after the
 * last one went, and opens it again when it is lost; everybody is woken then, since something may have been missed.
 */
export function createListener(db: Db, channel: string): Listener {
  const connections = (db as unknown as { client: RawConnections }).client;
  const subscribers = new Set<{ readonly payload: string | undefined; readonly wake: () => void }>();
  let connection: RawConnection | undefined;
  let opening: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let isClosed = false;

  const wanted = (): boolean => !isClosed && subscribers.size > 0;

  const open = async (): Promise<void> => {
    // A query through the pool makes Knex ask its settings provider, which a raw connection alone does not.
    await db.raw('select 1');
    const opened = await connections.acquireRawConnection();
    const lost = (): void => {
      if (connection !== opened) return;
      connection = undefined;
      drop(opened);
      ensure();
    };
    opened.on('error', lost);
    opened.on('end', lost);
    opened.on('notification', (message) => {
      for (const s of subscribers) if (s.payload === undefined || s.payload === message.payload) s.wake();
    });
    connection = opened;
    try {
      await opened.query(`listen ${channel}`);
    } catch (error) {
      connection = undefined;
      drop(opened);
      throw error;
    }
    failures = 0;
    if (!wanted()) return release();
    for (const s of subscribers) s.wake();
  };

  /** A connection that is broken already may refuse to end; there is nothing more to do about it then. */
  const drop = (broken: RawConnection): void => void connections.destroyRawConnection(broken).catch(() => undefined);

  const release = async (): Promise<void> => {
    const idle = connection;
    connection = undefined;
    if (idle) await connections.destroyRawConnection(idle).catch(() => undefined);
  };

  const ensure = (): void => {
    if (!wanted() || connection || opening || timer) return;
    const delay =
      failures === 0 ? 0 : Math.min(RECONNECT_MS.most, RECONNECT_MS.first * 2 ** failures) * (0.5 + Math.random() / 2);
    timer = setTimeout(() => {
      timer = undefined;
      opening = open()
        .catch(() => void failures++)
        .finally(() => {
          opening = undefined;
          ensure();
        });
    }, delay);
    timer.unref();
  };

  const stopWhenUnused = async (): Promise<void> => {
    if (wanted()) return;
    clearTimeout(timer);
    timer = undefined;
    await opening;
    if (!wanted()) await release();
  };

  return {
    get isListening() {
      return connection !== undefined && opening === undefined;
    },
    subscribe(payload, wake) {
      const subscriber = { payload, wake };
      subscribers.add(subscriber);
      ensure();
      return () => {
        subscribers.delete(subscriber);
        void stopWhenUnused();
      };
    },
    async close() {
      isClosed = true;
      subscribers.clear();
      await stopWhenUnused();
    },
  };
}
