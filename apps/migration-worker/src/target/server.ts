import type { Session } from './session.js';

/** What a backup and a preflight need to know about the server. */
export interface ServerFacts {
  readonly database: string;
  readonly user: string;
  /** As the server says it: `18.4`. */
  readonly version: string;
  readonly major: number;
  readonly sizeBytes: number;
  /** True on a standby, or where transactions are read-only by default. */
  readonly isReadOnly: boolean;
}

/** Asks the server about itself and the database. */
export async function readServer({ rows }: Session): Promise<ServerFacts> {
  const [row] = await rows<{
    database: string;
    user: string;
    version: string;
    number: number;
    size: string;
    readonly: boolean;
  }>(
    `select current_database() as database, current_user::text as user, current_setting('server_version') as version,
            current_setting('server_version_num')::int as number, pg_database_size(current_database()) as size,
            pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on' as readonly`,
  );
  if (!row) throw new Error('a select without a table gave no row');
  return {
    database: row.database,
    user: row.user,
    version: row.version,
    major: Math.floor(row.number / 10_000),
    sizeBytes: Number(row.size),
    isReadOnly: row.readonly,
  };
}
