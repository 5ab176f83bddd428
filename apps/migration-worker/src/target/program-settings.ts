import { createPrivateKey } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { DatabaseConnection } from '@switchyard/shared-db';

/** Options of the functions below. */
export interface ProgramConnection {
  readonly connection: DatabaseConnection;
  /** application_name of the sessions. */
  readonly name: string;
  /** A directory of mode 700 that only this call uses; certificates are written there. */
  readonly scratch: string;
}

/** Environment of PostgreSQL's own programs (pg_dump, pg_restore, psql). The password is in it, never in arguments. */
export async function libpqEnvironment({
  connection,
  name,
  scratch,
}: ProgramConnection): Promise<Record<string, string>> {
  const { ssl } = connection;
  return {
    PGHOST: connection.host,
    PGPORT: String(connection.port),
    PGDATABASE: connection.database,
    PGUSER: connection.user,
    PGPASSWORD: connection.password.reveal(),
    PGAPPNAME: name,
    PGSSLMODE: ssl.mode,
    PGCONNECT_TIMEOUT: '10',
    // Otherwise a file in the home directory of the worker would decide.
    PGPASSFILE: '/dev/null',
    ...(ssl.ca === undefined ? {} : { PGSSLROOTCERT: await secretFile(scratch, 'ca.pem', ssl.ca) }),
    ...(ssl.cert === undefined ? {} : { PGSSLCERT: await secretFile(scratch, 'cert.pem', ssl.cert) }),
    ...(ssl.key === undefined ? {} : { PGSSLKEY: await secretFile(scratch, 'key.pem', ssl.key.reveal()) }),
  };
}

/** Environment by which Liquibase gets the connection. The password is in it, never in arguments. */
export async function liquibaseEnvironment({
  connection,
  name,
  scratch,
  isReadOnly,
}: ProgramConnection & { readonly isReadOnly: boolean }): Promise<Record<string, string>> {
  const { ssl, host, port, database } = connection;
  const parameters = new URLSearchParams({
    ApplicationName: name,
    sslmode: ssl.mode,
    connectTimeout: '10',
    tcpKeepAlive: 'true',
  });
  if (isReadOnly) parameters.set('options', '-c default_transaction_read_only=on');
  if (ssl.ca !== undefined) parameters.set('sslrootcert', await secretFile(scratch, 'ca.pem', ssl.ca));
  if (ssl.cert !== undefined) parameters.set('sslcert', await secretFile(scratch, 'cert.pem', ssl.cert));
  if (ssl.key !== undefined) {
    // The Java driver reads a client key only as PKCS 8 in DER.
    const der = createPrivateKey(ssl.key.reveal()).export({ format: 'der', type: 'pkcs8' });
    parameters.set('sslkey', await secretFile(scratch, 'key.pk8', der));
  }
  return {
    LIQUIBASE_COMMAND_URL: `jdbc:postgresql://${isIPv6(host) ? `[${host}]` : host}:${port}/${encodeURIComponent(database)}?${parameters.toString().replaceAll('+', '%20')}`,
    LIQUIBASE_COMMAND_USERNAME: connection.user,
    LIQUIBASE_COMMAND_PASSWORD: connection.password.reveal(),
  };
}

async function secretFile(directory: string, name: string, content: string | Uint8Array): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content, { mode: 0o600 });
  return path;
}
