import { CodedError } from '@switchyard/contracts';
import type { DatabaseConfig, DatabaseLogin, PasswordSetting, ServerTimeouts } from '../config/database-config.js';
import { processSecrets, readSecretFile } from '../secrets/get-secret.js';
import type { Secrets } from '../secrets/secrets.js';
import { openDatabase, type Database } from './database.js';
import type { PasswordSource } from './session.js';

/** What a connection is for: `app` ordinary work, `admin` the privileged user, `migrator` the privileged user for long DDL. */
export type DatabaseRole = 'app' | 'admin' | 'migrator';

/** Options of {@link createDatabase}. */
export interface CreateDatabaseOptions {
  readonly role: DatabaseRole;
  readonly config: DatabaseConfig;
  /** Where a password is read that the configuration does not hold. Default: the chain of this process. */
  readonly secrets?: Secrets;
  /** Shown by the server for each connection, at most 63 bytes: `switchyard/ansible-worker@1.4`. */
  readonly applicationName: string;
  readonly onWarning?: (message: string) => void;
}

/** Most connections by role, where DB_POOL_MAX says nothing. */
const MAX_BY_ROLE: Readonly<Record<DatabaseRole, number>> = { app: 10, admin: 5, migrator: 2 };

/** Opens Switchyard's own database in a role. Nothing is connected before the first query. */
export function createDatabase(options: CreateDatabaseOptions): Database {
  const { role, config } = options;
  const login = loginFor(role, config);
  const max = role === 'migrator' ? MAX_BY_ROLE.migrator : (config.pool.max ?? MAX_BY_ROLE[role]);
  return openDatabase({
    session: {
      host: login.host,
      port: login.port,
      database: config.database,
      user: login.user,
      password: passwordSource(login.password, options.secrets),
      ssl: config.ssl,
      pooler: role === 'app' || config.adminUsesPooler ? config.pooler : 'none',
      applicationName: options.applicationName,
      connectTimeoutMs: config.pool.createTimeoutMs,
      timeouts: timeoutsFor(role, config),
    },
    pool: { ...config.pool, min: Math.min(config.pool.min, max), max },
    ...(options.onWarning ? { onWarning: options.onWarning } : {}),
  });
}

function loginFor(role: DatabaseRole, config: DatabaseConfig): DatabaseLogin {
  if (role === 'app') return config.server;
  if (!config.admin) {
    throw new CodedError(
      'InvalidInput',
      `The ${role} connection needs DB_USER_ADMIN and DB_PASSWORD_ADMIN; set them, or their _FILE forms`,
    );
  }
  if (role === 'migrator' && config.adminUsesPooler) {
    throw new CodedError(
      'InvalidInput',
      'The migrator connection must not pass a pooler: session locks and time-outs do not hold there; set DB_HOST_ADMIN and DB_PORT_ADMIN to the server itself',
    );
  }
  return config.admin;
}

/** A migration may run for hours, but it still gives way to traffic at a lock and never sleeps inside a transaction. */
function timeoutsFor(role: DatabaseRole, config: DatabaseConfig): ServerTimeouts {
  return role === 'migrator' ? { ...config.timeouts, statementMs: 0 } : config.timeouts;
}

function passwordSource(setting: PasswordSetting, secrets: Secrets | undefined): PasswordSource {
  switch (setting.from) {
    case 'value':
      return () => Promise.resolve(setting.secret);
    case 'file':
      return () => readSecretFile(setting.variable, setting.file);
    default:
      return ({ fresh }) => (secrets ?? processSecrets()).get(setting.name, { fresh });
  }
}
