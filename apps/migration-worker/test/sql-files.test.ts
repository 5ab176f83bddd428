import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureOf, openWorld, waitForEvent, waitForStatus, type World } from './world.js';

let world: World;

const exists = async (table: string): Promise<boolean> => {
  const [row] = await world.target.query<{ found: boolean }>(`select to_regclass('${table}') is not null as found`);
  return row?.found === true;
};

describe('DatabaseMigrationWorkflow with SQL files', () => {
  beforeAll(async () => {
    world = await openWorld();
    await world.startWorker();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it('applies files in the order of their names, once each', async () => {
    const migrationsDir = await world.files('once', {
      '001_users.sql':
        'create table users (id int primary key, data jsonb);\ninsert into users values (1, \'{"a": 1}\');',
      '001_users.down.sql': 'drop table users;',
      '002_index.sql':
        '-- switchyard: no-transaction\ncreate index concurrently users_data on users using gin (data);\ncreate index concurrently users_id on users (id);',
      '002_index.down.sql': 'drop index users_id; drop index users_data;',
      '003_a_question_mark.sql': "insert into users select 2, '{\"a\": 2}' where '{\"a\": 1}'::jsonb ? 'a';",
    });
    const first = await world.run({
      database: 'app',
      migrationsDir,
      validate: [{ sql: 'select count(*) from users', expect: { equals: 2 } }],
    });
    expect(first.applied).toEqual(['001_users.sql', '002_index.sql', '003_a_question_mark.sql']);
    expect(first.warnings.join()).toContain('003_a_question_mark.sql');
    expect((await world.run({ database: 'app', migrationsDir })).applied).toEqual([]);
    const rows = await world.target.query(
      'select name, statements, applied_at is not null as applied from switchyard_migrations order by position',
    );
    expect(rows).toEqual([
      { name: '001_users.sql', statements: 0, applied: true },
      { name: '002_index.sql', statements: 2, applied: true },
      { name: '003_a_question_mark.sql', statements: 0, applied: true },
    ]);
  });

  it('undoes its own files, newest first, when a later one fails', async () => {
    const migrationsDir = await world.files('once', {
      '004_more.sql': 'create table more (id int);',
      '004_more.down.sql': 'drop table more;',
      '005_wrong.sql': 'create table wrong (id int);\n\ninsert into wrong\n  values (nonsense);',
      '005_wrong.down.sql': 'select 1;',
    });
    const failure = await failureOf(world.run({ database: 'app', migrationsDir }));
    expect(failure.code).toBe('MigrationRolledBack');
    expect(failure.message).toContain('"005_wrong.sql" line 4: column "nonsense" does not exist');
    expect(await exists('more')).toBe(false);
    expect(await exists('wrong')).toBe(false);
    expect(await exists('users')).toBe(true);
    expect(await world.target.query("select name from switchyard_migrations where name > '004'")).toEqual([]);
  });

  it('says what cannot be undone, and leaves it named', async () => {
    const migrationsDir = await world.files('oneway', { '101_a.sql': 'create table oneway (id int);' });
    // The same table keeps the files of every directory: these come from another one and are gone here.
    expect(await failureOf(world.run({ database: 'app', migrationsDir }))).toMatchObject({ code: 'PreflightRefused' });
    await world.files('once', {
      '005_wrong.sql': 'create table oneway (id int);',
      '006_fails.sql': 'select * from nowhere;',
    });
    await world.files('once', { '005_wrong.down.sql': 'drop table is_not_there;' });
    const failure = await failureOf(world.run({ database: 'app', migrationsDir: 'once' }));
    expect(failure.code).toBe('CompensationFailed');
    expect(failure.message).toContain('table "is_not_there" does not exist');
    expect(failure.details).toMatchObject({
      cause: { code: 'MigrationFailed' },
      applied: ['004_more.sql', '005_wrong.sql'],
    });
    expect(await exists('oneway')).toBe(true);
  });

  it('refuses files that were changed after they were applied', async () => {
    await world.files('once', { '001_users.sql': 'create table users (id bigint);' });
    const failure = await failureOf(world.run({ database: 'app', migrationsDir: 'once' }));
    expect(failure.code).toBe('PreflightRefused');
    expect(failure.message).toContain('"001_users.sql" was changed after it was applied');
  });

  it('refuses transaction statements in a file that runs in a transaction', async () => {
    const migrationsDir = await world.files('control', { '1.sql': 'select 1;\ncommit;' });
    expect(await failureOf(world.run({ database: 'app', migrationsDir }))).toMatchObject({
      code: 'PreflightRefused',
      message: expect.stringContaining('"1.sql" line 2') as string,
    });
  });

  it('lets one run after the other at one database', async () => {
    const migrationsDir = await world.files('slow', {
      '1.sql': 'create table slow (id int); select pg_sleep(3);',
      '1.down.sql': 'drop table slow;',
    });
    const first = await world.start({ database: 'second', migrationsDir });
    await waitForEvent(world, first, 'file_started');
    const second = await world.start({ database: 'second', migrationsDir });
    await waitForStatus(second, 'the lock', ({ waitingFor }) => waitingFor?.kind === 'lock');
    expect(await first.result()).toMatchObject({ applied: ['1.sql'] });
    expect(await second.result()).toMatchObject({ applied: [] });
  });
});
