export { Secret } from './secret.js';
export type { SecretProvider } from './secrets/provider.js';
export { createSecrets, type Secrets, type SecretsOptions } from './secrets/secrets.js';
export { envSecrets, type EnvSecretsOptions } from './secrets/env-provider.js';
export { fileSecrets, type FileSecretsOptions } from './secrets/file-provider.js';
export { vaultSecrets, type VaultSecretsOptions } from './secrets/vault-provider.js';
export type { VaultAuth } from './secrets/vault-session.js';
export { secretsFromEnv } from './secrets/secrets-from-env.js';
export { SECRET_VARIABLES } from './secrets/variables.js';
export { getSecret, readSecretFile } from './secrets/get-secret.js';

export {
  parseDatabaseConfig,
  type DatabaseConfig,
  type DatabaseLogin,
  type Env,
  type PasswordSetting,
  type PoolSettings,
  type ServerTimeouts,
} from './config/database-config.js';
export { DATABASE_VARIABLES, REPLACED_VARIABLES, type DatabaseVariable } from './config/variables.js';
export { SSL_MODES, type SslMode, type SslSettings } from './config/ssl.js';
export type { DatabaseConnection } from './config/database-connection.js';
export { parseDatabaseUrl } from './config/database-url.js';
export {
  databaseEntrySchema,
  parseDatabases,
  type DatabaseEntry,
  type NamedDatabases,
} from './config/named-databases.js';

export { createDatabase, type CreateDatabaseOptions, type DatabaseRole } from './connection/create-database.js';
export { connectDatabase, type ConnectOptions } from './connection/connect-database.js';
export { openReplicationSession, type ReplicationSessionOptions } from './connection/replication-session.js';
export type { Database, DatabaseMetrics } from './connection/database.js';
export type { Health, HealthOptions } from './connection/health.js';
export type { CloseOptions, CloseReport } from './connection/close.js';
export {
  connectionLost,
  placeOf,
  withDedicatedSession,
  type DedicatedSessionOptions,
} from './connection/dedicated-session.js';
export type { Session } from './connection/session.js';

export { getAdminConnection, refreshAdminConnection, destroyAdminConnection } from './admin-connection.js';

export {
  withTransaction,
  AbortedTransactionError,
  UnknownCommitError,
  type IsolationLevel,
  type TransactionOptions,
} from './transactions/with-transaction.js';
export { runDdl, runDdlOutsideTransaction, type DdlOptions } from './transactions/ddl.js';
export {
  advisoryLockKey,
  lockForTransaction,
  withAdvisoryLock,
  type AdvisoryLockOptions,
  type HeldLock,
} from './transactions/advisory-lock.js';
export type { Backoff } from './transactions/backoff.js';

export { toDatabaseError, type DatabaseErrorContext, type DatabaseErrorDetails } from './errors/database-error.js';
export { sqlStateOf } from './errors/sqlstate.js';
export { quoteIdent } from './quote-ident.js';
