import type { Knex } from 'knex';
import type { ServerTimeouts } from '../config/database-config.js';

/** What the transaction helpers know of the pool behind a Knex instance. */
export interface DatabaseHost {
  readonly label: string;
  readonly pooler: 'none' | 'pgbouncer';
  readonly timeouts: ServerTimeouts;
  refresh(): void;
  noteRetry(reason: string): void;
}

const hosts = new WeakMap<Knex, DatabaseHost>();

/** Ties a Knex instance to its pool, so that helpers take the instance that `getAdminConnection()` gives. */
export function registerHost(db: Knex, host: DatabaseHost): void {
  hosts.set(db, host);
}

/** The pool of an instance; undefined for an instance that was not opened by this library. */
export function hostOf(db: Knex): DatabaseHost | undefined {
  return hosts.get(db);
}
