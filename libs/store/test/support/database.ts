import { createTestDatabase } from '@switchyard/testkit';
import knexFactory, { type Knex } from 'knex';
import { afterAll, beforeAll } from 'vitest';
import { migrate } from '../../src/index.js';

/** A Knex to a database, with as many connections as a test needs at once. */
export function connect(url: string, pool: { readonly max?: number } = {}): Knex {
  return knexFactory({
    client: 'pg',
    connection: url,
    pool: { min: 0, max: pool.max ?? 10 },
    // Tests cut connections on purpose; Knex would print each.
    log: { warn: () => undefined, error: () => undefined },
  });
}

/** The database of a test file. */
export interface FileDatabase {
  readonly knex: Knex;
  readonly url: string;
  readonly port: number;
}

/** A migrated database for one test file; `current()` gives it once the file's tests run. */
export function useStoreDatabase(): () => FileDatabase {
  let database: (FileDatabase & { readonly drop: () => Promise<void> }) | undefined;
  beforeAll(async () => {
    const created = await createTestDatabase({
      template: {
        name: 'store',
        prepare: async ({ url }) => {
          const knex = connect(url);
          await migrate(knex);
          await knex.destroy();
        },
      },
    });
    database = { knex: connect(created.url), url: created.url, port: created.port, drop: created.drop };
  });
  afterAll(async () => {
    await database?.knex.destroy();
    await database?.drop();
  });
  return () => {
    if (!database) throw new Error('the database is there from the first test on');
    return database;
  };
}
