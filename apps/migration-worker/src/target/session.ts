import { CodedError } from '@switchyard/contracts';
import {
  connectDatabase,
  toDatabaseError,
  type DatabaseConnection,
  type Session as Driver,
} from '@switchyard/shared-db';
import type { QueryConfig, QueryResult } from 'pg';

/** Options of {@link withSession}. */
export interface SessionOptions {
  readonly connection: DatabaseConnection;
  /** application_name, at most 63 bytes. */
  readonly name: string;
  /** Drops the connection; what the server still does is ended by `endSessions`. */
  readonly signal: AbortSignal;
  /** Milliseconds; 0 for none. Default 30 s. */
  readonly statementTimeoutMs?: number;
  /** Milliseconds that a statement may wait for a lock. Default 30 s. */
  readonly lockTimeoutMs?: number;
}

/** One dedicated session: settings, locks and transactions of a migration must not leak into another one's. */
export interface Session {
  /** Rows of one statement. */
  readonly rows: <R extends object>(sql: string, values?: readonly unknown[]) => Promise<R[]>;
  /**
   * First row and number of rows of one query that somebody else wrote, in a read-only transaction that is rolled back.
   * The rows stay on the server. Text that holds more than one statement is refused by the protocol.
   */
  readonly observe: (query: string) => Promise<{ readonly rows: number; readonly value: unknown }>;
  /** Runs text that may hold several statements. Errors are the driver's, for callers that show the server's words. */
  readonly run: (sql: string) => Promise<readonly QueryResult[]>;
  /** Whether a transaction is open. */
  readonly isInTransaction: () => boolean;
}

/** How people know the database: `app at db:5432`. */
export function placeOf({ database, host, port }: DatabaseConnection): string {
  return `${database} at ${host}:${port}`;
}

/**
 * Opens a session, runs `use` and closes it. What comes out are CodedErrors without SQL or values: DatabaseUnreachable
 * when the connection could not be made or was lost, AuthFailed, NotFound for the database, or what `use` threw itself.
 */
export async function withSession<T>(options: SessionOptions, use: (session: Session) => Promise<T>): Promise<T> {
  const { connection, signal } = options;
  signal.throwIfAborted();
  const database = connectDatabase(connection, {
    applicationName: options.name,
    pool: { min: 0, max: 1 },
    timeouts: {
      statementMs: options.statementTimeoutMs ?? 30_000,
      lockMs: options.lockTimeoutMs ?? 30_000,
      idleInTransactionMs: 0,
    },
  });
  const pool = database.knex.client as {
    acquireConnection(): Promise<Driver>;
    releaseConnection(driver: Driver): Promise<void>;
  };
  let driver: Driver | undefined;
  const onAbort = (): void => {
    driver?.connection.stream.destroy();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    driver = await pool.acquireConnection();
    signal.throwIfAborted();
    return await use(sessionOver(driver));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CodedError) throw error;
    if (driver?.__knex__disposed !== undefined) throw lost(connection, error);
    throw toDatabaseError(error, { database: placeOf(connection) });
  } finally {
    signal.removeEventListener('abort', onAbort);
    if (driver) await pool.releaseConnection(driver).catch(() => undefined);
    await database.close({ deadlineMs: 1_000 });
  }
}

/** A session that ended under its statement. */
export function lost(connection: DatabaseConnection, cause: unknown): CodedError {
  return new CodedError('DatabaseUnreachable', `${placeOf(connection)}: the connection was lost`, { cause });
}

function sessionOver(driver: Driver): Session {
  return {
    async rows<R extends object>(sql: string, values: readonly unknown[] = []) {
      return (await driver.query<R>(sql, [...values])).rows;
    },
    async observe(query) {
      await driver.query('begin transaction read only');
      try {
        await driver.query({
          text: `declare observed no scroll cursor for ${query.replace(/;\s*$/, '')}`,
          queryMode: 'extended',
        } as QueryConfig);
        const first = await driver.query<unknown[]>({ text: 'fetch 1 from observed', rowMode: 'array' });
        const rest = await driver.query('move forward all in observed');
        return { rows: first.rows.length + (rest.rowCount ?? 0), value: first.rows[0]?.[0] };
      } finally {
        await driver.query('rollback').catch(() => undefined);
      }
    },
    async run(sql) {
      const result = (await driver.query(sql)) as QueryResult | QueryResult[];
      return Array.isArray(result) ? result : [result];
    },
    isInTransaction: () => driver.getTransactionStatus() !== 'I',
  };
}
