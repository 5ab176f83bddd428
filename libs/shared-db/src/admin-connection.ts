import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import { parseDatabaseConfig, type DatabaseConfig, type PasswordSetting } from './config/database-config.js';
import { createDatabase } from './connection/create-database.js';
import type { Database } from './connection/database.js';

/** Milliseconds that statements get when the shared connection is destroyed. */
const CLOSE_DEADLINE_MS = 5_000;

/** The shared pools by configuration. A promise is kept and not a pool, so that callers who come together share one. */
const shared = new Map<string, Promise<Database>>();

/**
 * The shared admin connection of this process, made and probed at the first call, the same Knex instance at each later one.
 * After an error that says that the server went away, the next call probes first and lets idle connections be replaced.
 * A failed attempt is forgotten, so the next call tries again. Without a configuration the DB_* environment is read.
 */
export async function getAdminConnection(config: DatabaseConfig = parseDatabaseConfig(process.env)): Promise<Knex> {
  const database = await sharedDatabase(config);
  if (database.isSuspect()) await renew(database);
  return database.knex;
}

/** Replaces the idle connections of the shared admin pool and probes the server. Open transactions go on undisturbed. */
export async function refreshAdminConnection(config: DatabaseConfig = parseDatabaseConfig(process.env)): Promise<Knex> {
  const database = await sharedDatabase(config);
  await renew(database);
  return database.knex;
}

/** Ends every shared admin pool. A later {@link getAdminConnection} opens a new one. */
export async function destroyAdminConnection(): Promise<void> {
  const open = [...shared.values()];
  shared.clear();
  await Promise.all(
    open.map(async (opening) => {
      const database = await opening.catch(() => undefined);
      await database?.close({ deadlineMs: CLOSE_DEADLINE_MS });
    }),
  );
}

async function sharedDatabase(config: DatabaseConfig): Promise<Database> {
  const key = keyOf(config);
  const known = shared.get(key);
  if (known) return known;
  const opening = openAdmin(config);
  shared.set(key, opening);
  try {
    return await opening;
  } catch (error) {
    if (shared.get(key) === opening) shared.delete(key);
    throw error;
  }
}

async function openAdmin(config: DatabaseConfig): Promise<Database> {
  const database = createDatabase({ role: 'admin', config, applicationName: 'switchyard/admin' });
  const health = await database.health({ timeoutMs: config.pool.acquireTimeoutMs });
  if (health.ok) return database;
  await database.close({ deadlineMs: 0 });
  throw health.error;
}

async function renew(database: Database): Promise<void> {
  database.refresh();
  const health = await database.health();
  if (!health.ok) throw health.error;
}

/** Two equal configurations share a pool; a changed password makes another one. Only a digest of it is kept. */
function keyOf(config: DatabaseConfig): string {
  const password = (setting: PasswordSetting | undefined): string =>
    setting?.from === 'value'
      ? createHash('sha256').update(setting.secret.reveal()).digest('base64')
      : JSON.stringify(setting ?? null);
  return JSON.stringify([config, password(config.admin?.password), password(config.server.password)]);
}
