import PostgresClient from 'knex/lib/dialects/postgres/index.js';
import { driverSsl } from '../config/ssl.js';
import { keepServerMessage, markLost } from '../errors/marks.js';
import { retryReasonOf, sqlStateOf } from '../errors/sqlstate.js';
import { cancelStatement } from './cancel.js';
import { destroySession, lostBy, openSession, type Session, type SessionSettings } from './session.js';

/** What is known of the connections of one pool. Shared by the pool's client and the handle. */
export interface PoolState {
  /** Connections of an older generation are dropped when they are next taken from the pool. */
  generation: number;
  /** Whether an error said that the server went away or is no longer the primary, and nothing has worked since. */
  suspect: boolean;
  readonly live: Map<Session, number>;
  readonly errors: Map<string, number>;
}

export function createPoolState(): PoolState {
  return { generation: 0, suspect: false, live: new Map(), errors: new Map() };
}

/** Whether a pooled connection may be handed out: idle, outside of any transaction, and not older than the last refresh. */
export function isUsable(state: PoolState, session: Session): boolean {
  return session.getTransactionStatus() === 'I' && state.live.get(session) === state.generation;
}

/**
 * Knex's PostgreSQL client with its connection traps closed: what fails while connecting is ended, not leaked; a connection
 * that comes back inside a transaction is ended; cancellation works behind PgBouncer; errors keep the server's words apart
 * from the SQL text. One class per pool, because Knex builds transactions from the class and not from the instance.
 */
export function poolClientClass(settings: SessionSettings, state: PoolState): typeof PostgresClient {
  return class PoolClient extends PostgresClient {
    override async acquireRawConnection(): Promise<Session> {
      const generation = state.generation;
      const session = await openSession(settings);
      state.live.set(session, generation);
      session.once('end', () => state.live.delete(session));
      try {
        this.version ??= await this.checkVersion(session);
        await settings.onConnect?.(session);
        return session;
      } catch (error) {
        destroySession(session, 'preparing the connection failed');
        throw error;
      }
    }

    override async _query(connection: unknown, query: unknown): Promise<unknown> {
      const session = connection as Session;
      try {
        return await super._query(session, query);
      } catch (error) {
        keepServerMessage(error);
        if (lostBy(session, error)) markLost(error);
        noteError(state, session, error);
        throw error;
      }
    }

    override releaseConnection(connection: unknown): Promise<void> {
      const session = connection as Session;
      // Ended now and not at the next acquire: its locks are released, and no borrower can write into a lost transaction.
      if (session.getTransactionStatus() !== 'I')
        destroySession(session, 'the connection came back inside a transaction');
      return super.releaseConnection(session);
    }

    override cancelQuery(connection: unknown): Promise<void> {
      const { processID, secretKey } = connection as Session;
      if (processID === null || secretKey === null)
        return Promise.reject(new Error('The server gave no key to cancel with'));
      return cancelStatement({
        host: settings.host,
        port: settings.port,
        ssl: driverSsl(settings.ssl),
        processId: processID,
        secretKey,
      });
    }
  };
}

function noteError(state: PoolState, session: Session, error: unknown): void {
  const sqlState = sqlStateOf(error) ?? (lostBy(session, error) ? 'connection-lost' : 'client');
  state.errors.set(sqlState, (state.errors.get(sqlState) ?? 0) + 1);
  if (sqlState === 'connection-lost' || retryReasonOf(sqlState) === 'server-away') state.suspect = true;
}
