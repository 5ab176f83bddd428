import type { DatabaseConnection } from '../config/database-connection.js';
import type { PoolSettings, ServerTimeouts } from '../config/database-config.js';
import { openDatabase, type Database } from './database.js';
import { passwordOf } from './password-of.js';
import type { Session } from './session.js';

/** Options of {@link connectDatabase}. */
export interface ConnectOptions {
  /** Shown by the server for each connection, at most 63 bytes: `switchyard/migration-worker`. */
  readonly applicationName: string;
  /** Pool settings that differ from the defaults: min 0, max 5, acquire and create 10 s, idle 30 s, lifetime 30 min. */
  readonly pool?: Partial<PoolSettings>;
  /** Server time-outs that differ from the defaults: statement 30 s, lock 10 s, idle in transaction 60 s. */
  readonly timeouts?: Partial<ServerTimeouts>;
  /** Prepares each new connection; when it fails the connection is ended and the error reaches whoever asked for it. */
  readonly onConnect?: (session: Session) => Promise<void>;
  readonly onWarning?: (message: string) => void;
}

export const DEFAULT_POOL: PoolSettings = {
  min: 0,
  acquireTimeoutMs: 10_000,
  createTimeoutMs: 10_000,
  idleTimeoutMs: 30_000,
  maxLifetimeMs: 30 * 60_000,
};

export const DEFAULT_TIMEOUTS: ServerTimeouts = { statementMs: 30_000, lockMs: 10_000, idleInTransactionMs: 60_000 };

const DEFAULT_MAX = 5;

/** Opens a named or ad-hoc connection. Nothing is connected before the first query. */
export function connectDatabase(connection: DatabaseConnection, options: ConnectOptions): Database {
  const pool = { ...DEFAULT_POOL, ...options.pool };
  return openDatabase({
    session: {
      host: connection.host,
      port: connection.port,
      database: connection.database,
      user: connection.user,
      password: passwordOf(connection),
      ssl: connection.ssl,
      pooler: connection.pooler ?? 'none',
      applicationName: options.applicationName,
      connectTimeoutMs: pool.createTimeoutMs,
      timeouts: { ...DEFAULT_TIMEOUTS, ...options.timeouts },
      ...(options.onConnect ? { onConnect: options.onConnect } : {}),
    },
    pool: { ...pool, max: pool.max ?? DEFAULT_MAX },
    ...(options.onWarning ? { onWarning: options.onWarning } : {}),
  });
}
