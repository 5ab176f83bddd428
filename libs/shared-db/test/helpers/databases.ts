import { randomBytes } from 'node:crypto';
import knex, { type Knex } from 'knex';
import { afterAll, beforeAll, inject } from 'vitest';
import {
  connectDatabase,
  Secret,
  type ConnectOptions,
  type Database,
  type DatabaseConnection,
} from '../../src/index.js';
import type { TestServer } from '../global-setup.js';

/** A database of its own for one test file, with ways to connect; everything opened through it is closed after the file. */
export interface TestDatabase {
  readonly server: TestServer;
  readonly name: string;
  /** A plain Knex as superuser on the server's own database, for looking from outside. */
  readonly outside: Knex;
  readonly connection: DatabaseConnection;
  /** A pool of this library. */
  open(options?: Partial<ConnectOptions>, connection?: Partial<DatabaseConnection>): Database;
  /** A plain Knex, for showing the trap that this library closes. */
  plain(config?: Knex.Config, connection?: Knex.PgConnectionConfig): Knex;
  /** How many sessions of an application name the server has. */
  sessions(applicationName: string): Promise<number>;
}

/** Declares the hooks that make and drop a database for the calling file. */
export function useTestDatabase(): TestDatabase {
  const server = inject('server');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const opened: Database[] = [];
  const plains: Knex[] = [];
  const settings = { host: server.host, port: server.port, user: server.user, password: server.password };
  const outside = knex({ client: 'pg', connection: { ...settings, database: 'postgres' }, pool: { min: 0, max: 2 } });
  const connection: DatabaseConnection = {
    host: server.host,
    port: server.port,
    database: name,
    user: server.user,
    password: new Secret(server.password),
    ssl: { mode: 'disable' },
  };

  beforeAll(async () => {
    await outside.raw(`create database ${name}`);
  });
  afterAll(async () => {
    await Promise.all(opened.map((database) => database.close({ deadlineMs: 500 })));
    // Some of these were poisoned on purpose and never come back: nobody waits for them; the drop below cuts them.
    for (const db of plains) db.destroy().catch(() => undefined);
    await outside.raw(`drop database ${name} with (force)`);
    await outside.destroy();
  });

  return {
    server,
    name,
    outside,
    connection,
    open(options = {}, changed = {}) {
      const database = connectDatabase({ ...connection, ...changed }, { applicationName: 'test', ...options });
      opened.push(database);
      return database;
    },
    plain(config = {}, changed = {}) {
      const db = knex({
        client: 'pg',
        connection: { ...settings, database: name, ...changed },
        pool: { min: 0, max: 1 },
        log: { warn: () => undefined, error: () => undefined },
        ...config,
      });
      plains.push(db);
      return db;
    },
    async sessions(applicationName) {
      const result = await outside.raw<{ rows: { count: number }[] }>(
        'select count(*)::int as count from pg_stat_activity where application_name = ?',
        [applicationName],
      );
      return result.rows[0]?.count ?? 0;
    },
  };
}

/** Asks until the answer is yes; fails with the last answer after a while. */
export async function eventually<T>(
  ask: () => Promise<T>,
  isRight: (answer: T) => boolean,
  withinMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    // oxlint-disable no-await-in-loop
    const answer = await ask();
    if (isRight(answer)) return answer;
    if (performance.now() > deadline)
      throw new Error(`it did not happen within ${withinMs} ms; last answer: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
    // oxlint-enable no-await-in-loop
  }
}

/** The error that a promise rejects with. */
export async function rejection(promise: PromiseLike<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error('it rejected with something that is no error', { cause: error });
  }
  throw new Error('it did not reject');
}
