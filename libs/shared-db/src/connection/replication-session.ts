import { CodedError } from '@switchyard/contracts';
import type { DatabaseConnection } from '../config/database-connection.js';
import { toDatabaseError } from '../errors/database-error.js';
import { passwordOf } from './password-of.js';
import { openSession, type Session } from './session.js';

/** Options of {@link openReplicationSession}. */
export interface ReplicationSessionOptions {
  /** Shown by the server, at most 63 bytes: `switchyard/cdc-worker`. */
  readonly applicationName: string;
  /** Milliseconds until the server must have answered. Default: 10 000. */
  readonly connectTimeoutMs?: number;
}

/**
 * Opens one session for logical replication, with the rules of every other connection: TLS, renewed passwords, keep-alive.
 * It takes plain statements and replication commands, but no parameters, and has no time limits: a stream has no end. The
 * caller ends it. Rejects with a CodedError.
 */
export async function openReplicationSession(
  connection: DatabaseConnection,
  { applicationName, connectTimeoutMs = 10_000 }: ReplicationSessionOptions,
): Promise<Session> {
  const { host, port, database, user, ssl } = connection;
  if (connection.pooler === 'pgbouncer') {
    throw new CodedError(
      'InvalidInput',
      `Replication of ${database} needs a direct connection: a pooler hands its sessions to others; name the server itself in place of ${host}:${port}`,
    );
  }
  try {
    return await openSession({
      host,
      port,
      database,
      user,
      password: passwordOf(connection),
      ssl,
      pooler: 'none',
      applicationName,
      connectTimeoutMs,
      timeouts: { statementMs: 0, lockMs: 0, idleInTransactionMs: 0 },
      replication: 'database',
    });
  } catch (error) {
    throw toDatabaseError(error, { action: 'open replication', database: `${database} at ${host}:${port}` });
  }
}
