/** One environment variable of the database configuration. Every one also has a `<name>_FILE` form that names a file with the value. */
export interface DatabaseVariable {
  readonly name: string;
  /** What it sets, in one or two sentences. */
  readonly description: string;
  /** The default as one would write it; absent when there is none. */
  readonly default?: string;
  /** Whether its absence is an error by itself. */
  readonly required: boolean;
  /** Whether the value must never be shown. */
  readonly secret: boolean;
}

function variable(
  name: string,
  description: string,
  options: { readonly default?: string; readonly required?: boolean; readonly secret?: boolean } = {},
): DatabaseVariable {
  return { name, description, required: false, secret: false, ...options };
}

/** Every variable that {@link parseDatabaseConfig} knows, in the order of a reference page. */
export const DATABASE_VARIABLES: readonly DatabaseVariable[] = [
  variable('DB_HOST', "Host of the PostgreSQL server with Switchyard's own tables, or of its pooler.", {
    required: true,
  }),
  variable('DB_PORT', 'Port of that server.', { default: '5432' }),
  variable('DB_NAME_SERVER', 'Name of the database.', { required: true }),
  variable('DB_USER_SERVER', 'User of the ordinary connection.', { required: true }),
  variable('DB_PASSWORD_SERVER', 'Password of that user. Without it the secret db-password-server is read.', {
    secret: true,
  }),
  variable('DB_USER_ADMIN', 'User of the admin and migrator connections; needed only where they are opened.'),
  variable('DB_PASSWORD_ADMIN', 'Password of the admin user. Without it the secret db-password-admin is read.', {
    secret: true,
  }),
  variable(
    'DB_HOST_ADMIN',
    'Host of the admin and migrator connections: the server itself where DB_HOST is a pooler.',
    { default: 'DB_HOST' },
  ),
  variable('DB_PORT_ADMIN', 'Port of the admin and migrator connections.', { default: 'DB_PORT' }),
  variable('DB_POOL_MIN', 'Connections that stay open when idle.', { default: '0' }),
  variable(
    'DB_POOL_MAX',
    'Most connections of one process and role. Sum it over all replicas: it must stay below max_connections.',
    {
      default: '10 (admin 5, migrator 2)',
    },
  ),
  variable('DB_POOL_ACQUIRE_TIMEOUT', 'How long a query waits for a free connection.', { default: '10s' }),
  variable('DB_POOL_CREATE_TIMEOUT', 'How long opening a connection may take.', { default: '10s' }),
  variable('DB_POOL_IDLE_TIMEOUT', 'How long a connection stays open without use.', { default: '30s' }),
  variable('DB_POOL_MAX_LIFETIME', 'Age at which a connection is replaced; up to 5 minutes of jitter are added.', {
    default: '30m',
  }),
  variable(
    'DB_SSL_MODE',
    'TLS: disable, prefer, require, verify-ca or verify-full. Use verify-full outside of one host.',
    { default: 'disable' },
  ),
  variable('DB_SSL_CA', 'Certificates of the authorities to trust, PEM.'),
  variable('DB_SSL_CERT', 'Client certificate, PEM.'),
  variable('DB_SSL_KEY', 'Key of the client certificate, PEM.', { secret: true }),
  variable('DB_STATEMENT_TIMEOUT', 'Time after which the server ends a statement; 0 never. The migrator has none.', {
    default: '30s',
  }),
  variable('DB_LOCK_TIMEOUT', 'Time after which the server ends a wait for a lock; 0 never.', { default: '10s' }),
  variable('DB_IDLE_IN_TX_TIMEOUT', 'Time after which the server ends a transaction that does nothing; 0 never.', {
    default: '1m',
  }),
  variable(
    'DB_POOLER',
    'What stands between Switchyard and the server at DB_HOST: none or pgbouncer (transaction pooling).',
    { default: 'none' },
  ),
];

/** Variables of the earlier connection code, with the names that replaced them. */
export const REPLACED_VARIABLES: Readonly<Record<string, string>> = {
  ALGA_DB_HOST: 'DB_HOST',
  ALGA_DB_PORT: 'DB_PORT',
  ALGA_DB_NAME: 'DB_NAME_SERVER',
  ALGA_DB_USER: 'DB_USER_SERVER',
  ALGA_DB_PASSWORD: 'DB_PASSWORD_SERVER',
  ALGA_DB_ADMIN_USER: 'DB_USER_ADMIN',
  ALGA_DB_ADMIN_PASSWORD: 'DB_PASSWORD_ADMIN',
};
