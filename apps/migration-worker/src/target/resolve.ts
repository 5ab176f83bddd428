import { CodedError } from '@switchyard/contracts';
import { parseDatabaseUrl, type DatabaseConnection, type NamedDatabases } from '@switchyard/shared-db';
import type { Target } from '../activities/contract.js';

/** Options of {@link resolveTarget}. */
export interface ResolveOptions {
  readonly databases: NamedDatabases;
  /** Whether a URL may hold a password. */
  readonly allowInlineCredentials: boolean;
}

/**
 * The connection that a target names. A URL without a password takes the credentials of the named connection with the
 * same host, port, database and user; one with a password is refused unless the worker allows it. No error repeats a URL.
 */
export async function resolveTarget(
  target: Target,
  { databases, allowInlineCredentials }: ResolveOptions,
): Promise<DatabaseConnection> {
  if (target.database !== null) return databases.resolve(target.database);
  const given = parseDatabaseUrl(target.databaseUrl ?? '');
  if (given.password.reveal() !== '') {
    if (allowInlineCredentials) return given;
    throw inlineRefusal(databases.names);
  }
  for (const name of databases.names) {
    // A connection whose password is missing at the moment is no reason to refuse another one.
    const connection = await databases.resolve(name).catch(() => undefined);
    if (connection && isSame(connection, given)) return connection;
  }
  const known =
    databases.names.length > 0 ? `known connections: ${databases.names.join(', ')}` : 'SWITCHYARD_DATABASES names none';
  throw new CodedError(
    'NotFound',
    `No connection of SWITCHYARD_DATABASES has host ${given.host}, port ${given.port}, database ${given.database} and user ${given.user}, ` +
      `so there are no credentials for this databaseUrl; ${known}`,
  );
}

/** The refusal of a password in the input. It never repeats any part of the URL. */
export function inlineRefusal(names: readonly string[]): CodedError {
  const known = names.length > 0 ? ` (known: ${names.join(', ')})` : '';
  return new CodedError(
    'InlineCredentialsRefused',
    `databaseUrl holds a password, which workflow history would keep. Name a connection of SWITCHYARD_DATABASES in \`database\`${known}, ` +
      'or set SWITCHYARD_ALLOW_INLINE_CREDENTIALS=true on the worker',
  );
}

function isSame(a: DatabaseConnection, b: DatabaseConnection): boolean {
  return a.host === b.host && a.port === b.port && a.database === b.database && a.user === b.user;
}
