import pg from 'pg';
import { CodedError } from '@switchyard/contracts';
import type { ServerTimeouts } from '../config/database-config.js';
import { driverSsl, type SslSettings } from '../config/ssl.js';
import { isConnectionLost, markLost } from '../errors/marks.js';
import { codeOf, sqlStateOf } from '../errors/sqlstate.js';
import type { Secret } from '../secret.js';

/** Reads the password for a new connection; `fresh` asks its source even when a value is cached. */
export type PasswordSource = (options: { readonly fresh: boolean }) => Promise<Secret>;

/** Everything that a new connection needs. */
export interface SessionSettings {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: PasswordSource;
  readonly ssl: SslSettings;
  readonly pooler: 'none' | 'pgbouncer';
  readonly applicationName: string;
  readonly connectTimeoutMs: number;
  readonly timeouts: ServerTimeouts;
  /** Opens a walsender of the database, which knows the simple query protocol and the replication commands. */
  readonly replication?: 'database';
  /** Runs once on each new connection; when it fails the connection is ended, not leaked. */
  readonly onConnect?: (session: Session) => Promise<void>;
}

/** A connection of the driver, with the fields that Knex and this library use. */
export type Session = pg.Client & {
  /** Knex drops a connection from the pool that carries a reason here. */
  __knex__disposed?: unknown;
  readonly processID: number | null;
  readonly secretKey: number | null;
  readonly connectionParameters: object;
  readonly connection: { readonly stream: { destroy(): void } };
  /** `I` idle, `T` in a transaction, `E` in an aborted one, null before the first answer. */
  getTransactionStatus(): string | null;
};

/** Longest application_name that PostgreSQL keeps, in bytes. */
const MAX_NAME_BYTES = 63;

/** Opens a connection. A password that is refused is read anew once: it may have been rotated since it was cached. */
export async function openSession(settings: SessionSettings): Promise<Session> {
  const password = await settings.password({ fresh: false });
  try {
    return await connectPreferringTls(settings, password);
  } catch (error) {
    const state = sqlStateOf(error);
    if (state !== '28P01' && state !== '28000') throw error;
    const renewed = await settings.password({ fresh: true });
    // The same password again would only count as another failed login.
    if (renewed.reveal() === password.reveal()) throw error;
    return connectPreferringTls(settings, renewed);
  }
}

async function connectPreferringTls(settings: SessionSettings, password: Secret): Promise<Session> {
  const ssl = driverSsl(settings.ssl);
  try {
    return await connect(settings, password, ssl);
  } catch (error) {
    // The driver reports the server's "no TLS" answer by text alone. It knows no `prefer`; libpq's rule is to go on without.
    if (ssl === false || !(error instanceof Error) || error.message !== 'The server does not support SSL connections')
      throw error;
    if (settings.ssl.mode === 'prefer') return connect(settings, password, false);
    throw new CodedError(
      'DatabaseUnreachable',
      `The server at ${settings.host}:${settings.port} offers no TLS, and the mode is ${settings.ssl.mode}; switch TLS on at the server, or set the mode to disable`,
      { retryable: false },
    );
  }
}

async function connect(
  settings: SessionSettings,
  password: Secret,
  ssl: ReturnType<typeof driverSsl>,
): Promise<Session> {
  const { timeouts } = settings;
  const session = new pg.Client({
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user: settings.user,
    // A function, because the driver takes PGPASSWORD from the environment in place of an empty text.
    password: () => password.reveal(),
    ssl,
    application_name: fitName(settings.applicationName),
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: settings.connectTimeoutMs,
    ...(settings.replication === undefined ? {} : { replication: settings.replication }),
    // PgBouncer refuses these as startup parameters (08P01), and a SET would leak to the next client of the same server
    // connection; behind it, withTransaction sets them for its transaction only.
    ...(settings.pooler === 'pgbouncer'
      ? {}
      : {
          statement_timeout: timeouts.statementMs,
          lock_timeout: timeouts.lockMs,
          idle_in_transaction_session_timeout: timeouts.idleInTransactionMs,
        }),
    // query_timeout is never set: it gives up on the client's side only, leaves the transaction open, and the pool hands
    // the connection on.
  }) as Session;
  // Without a listener an error on an idle connection would end the process.
  session.on('error', (error) => {
    session.__knex__disposed = error;
  });
  session.on('end', () => {
    session.__knex__disposed ??= 'the connection ended';
  });
  try {
    await session.connect();
    // The driver keeps the password for the life of the connection, where a dump would find it. Nobody needs it any more.
    Object.assign(session, { password: null });
    Object.assign(session.connectionParameters, { password: null });
    return session;
  } catch (error) {
    session.connection.stream.destroy();
    // Without SQLSTATE and code the driver gave up by itself: time-out, or a socket that closed during the handshake.
    if (sqlStateOf(error) === undefined && codeOf(error) === undefined) markLost(error);
    throw error;
  }
}

/** Ends a connection at once; the server rolls back what was open in it. */
export function destroySession(session: Session, reason: string): void {
  session.__knex__disposed ??= reason;
  session.connection.stream.destroy();
}

/** Whether an error on this connection means that the connection is gone. */
export function lostBy(session: Session, error: unknown): boolean {
  return session.__knex__disposed !== undefined || isConnectionLost(error);
}

function fitName(name: string): string {
  let fitted = name;
  while (Buffer.byteLength(fitted) > MAX_NAME_BYTES) fitted = fitted.slice(0, -1);
  return fitted;
}
