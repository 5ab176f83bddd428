import { createTestDatabase, type TestDatabase } from '@switchyard/testkit';
import type { Knex } from 'knex';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { assertSchema, migrate } from '../src/index.js';
import { MIGRATIONS } from '../src/migrations/index.js';
import { connect } from './support/database.js';

const NAMES = MIGRATIONS.map((m) => `${String(m.id).padStart(6, '0')}-${m.name}`);

describe('migrate', () => {
  let database: TestDatabase;
  let open: Knex[] = [];
  const connection = (): Knex => {
    const knex = connect(database.url, { max: 2 });
    open.push(knex);
    return knex;
  };

  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(async () => {
    await Promise.all(open.map((knex) => knex.destroy()));
    open = [];
    await database.drop();
  });

  test('applies every step once and finds nothing to do afterwards', async () => {
    const knex = connection();
    expect(await migrate(knex)).toEqual({ applied: NAMES });
    expect(await migrate(knex)).toEqual({ applied: [] });
    await assertSchema(knex);
  });

  test('survives twenty processes that start at once: each step is applied by exactly one of them', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => migrate(connection())));
    expect(results.flatMap((r) => r.applied).toSorted()).toEqual(NAMES);
  });

  test('leaves the steps before a failing one, and nothing of that one', async () => {
    const knex = connection();
    const broken = [
      ...MIGRATIONS,
      { id: 99, name: 'broken', sql: 'create table switchyard.half (id int); select 1/0;' },
    ];
    await expect(migrate(knex, { migrations: broken })).rejects.toMatchObject({ code: '22012' });
    expect(await knex.schema.withSchema('switchyard').hasTable('half')).toBe(false);
    await assertSchema(knex);
  });

  test('refuses a schema that a newer release migrated, and changes nothing', async () => {
    const knex = connection();
    await migrate(knex, { migrations: [...MIGRATIONS, { id: 99, name: 'from-the-future', sql: 'select 1' }] });
    const refusal = { code: 'SchemaTooNew', message: expect.stringContaining('000099-from-the-future') };
    await expect(migrate(knex)).rejects.toMatchObject(refusal);
    await expect(assertSchema(knex)).rejects.toMatchObject(refusal);
  });

  test('assertSchema names what is missing', async () => {
    const knex = connection();
    await expect(assertSchema(knex)).rejects.toMatchObject({
      code: 'PreflightRefused',
      message: expect.stringContaining('000001-events'),
    });
    await migrate(knex, { migrations: MIGRATIONS.slice(0, 2) });
    await expect(assertSchema(knex)).rejects.toMatchObject({ details: { missing: NAMES.slice(2) } });
  });

  test('gives up with a clear word when another process holds the lock too long', async () => {
    const holder = connection();
    await holder.transaction(async (trx) => {
      await trx.raw('select pg_advisory_xact_lock(?::int, ?::int)', [0x53575944, 1]);
      await expect(migrate(connection(), { lockTimeoutMs: 100 })).rejects.toMatchObject({ code: 'LockUnavailable' });
    });
    expect(await migrate(connection())).toEqual({ applied: NAMES });
  });
});
