import { CodedError } from '@switchyard/contracts';
import type { DatabaseConnection } from '../config/database-connection.js';
import { toDatabaseError } from '../errors/database-error.js';
import { codeOf, isNetworkCode, sqlStateOf } from '../errors/sqlstate.js';
import { connectDatabase } from './connect-database.js';
import type { Session } from './session.js';

/** Options of {@link withDedicatedSession}. */
export interface DedicatedSessionOptions {
  readonly connection: DatabaseConnection;
  /** application_name, at most 63 bytes. */
  readonly name: string;
  /** Drops the connection; what the server still does is ended by whoever can find it by its name. */
  readonly signal: AbortSignal;
  /** Milliseconds; 0 for none. Default 30 s. */
  readonly statementTimeoutMs?: number;
  /** Milliseconds that a statement may wait for a lock. Default 30 s. */
  readonly lockTimeoutMs?: number;
  /** Prepares the connection before `use` gets it. */
  readonly onConnect?: (session: Session) => Promise<void>;
}

/** How people know a database: `app at db:5432`. */
export function placeOf({ database, host, port }: DatabaseConnection): string {
  return `${database} at ${host}:${port}`;
}

/** The error for a session that ended under its statement. */
export function connectionLost(connection: DatabaseConnection, cause: unknown): CodedError {
  return new CodedError('DatabaseUnreachable', `${placeOf(connection)}: the connection was lost`, { cause });
}

const NO_IDLE_LIMIT_MS = 0;
const CLOSE_MS = 1_000;

/**
 * Opens one connection that nobody shares, runs `use` and closes it: settings, session locks and transactions of one
 * piece of work must not reach another one's. What comes out are CodedErrors without SQL or values: DatabaseUnreachable
 * when the connection could not be made or was lost, AuthFailed, NotFound for the database, or what `use` threw itself.
 */
export async function withDedicatedSession<T>(
  options: DedicatedSessionOptions,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const { connection, signal, onConnect } = options;
  signal.throwIfAborted();
  const database = connectDatabase(connection, {
    applicationName: options.name,
    pool: { min: 0, max: 1 },
    timeouts: {
      statementMs: options.statementTimeoutMs ?? 30_000,
      lockMs: options.lockTimeoutMs ?? 30_000,
      idleInTransactionMs: NO_IDLE_LIMIT_MS,
    },
    ...(onConnect ? { onConnect } : {}),
  });
  const pool = database.knex.client as {
    acquireConnection(): Promise<Session>;
    releaseConnection(session: Session): Promise<void>;
  };
  let session: Session | undefined;
  const onAbort = (): void => {
    session?.connection.stream.destroy();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    session = await pool.acquireConnection();
    signal.throwIfAborted();
    return await use(session);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CodedError) throw error;
    if (session?.__knex__disposed !== undefined) throw connectionLost(connection, error);
    // What `use` threw for reasons of its own is no word of the database.
    if (session && sqlStateOf(error) === undefined && !isNetworkCode(codeOf(error))) throw error;
    throw toDatabaseError(error, { database: placeOf(connection) });
  } finally {
    signal.removeEventListener('abort', onAbort);
    if (session) await pool.releaseConnection(session).catch(() => undefined);
    await database.close({ deadlineMs: CLOSE_MS });
  }
}
