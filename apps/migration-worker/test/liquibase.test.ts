import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { migrationResultSchema } from '@switchyard/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oneMore, USERS } from './changelogs.js';
import { failureOf, historyOf, openWorld, processesOf, statusOf, waitForStatus, type World } from './world.js';
import type { WorkerProcess } from './worker-process.js';

let world: World;
let worker: WorkerProcess;

beforeAll(async () => {
  world = await openWorld();
  worker = await world.startWorker();
});
afterAll(() => world[Symbol.asyncDispose]());

const columns = async (table: string): Promise<string[]> =>
  (
    await world.target.query<{ name: string }>(
      `select column_name as name from information_schema.columns where table_name = '${table}' order by ordinal_position`,
    )
  ).map(({ name }) => name);

describe('DatabaseMigrationWorkflow with Liquibase', () => {
  it('backs up, applies, validates and tells what it did, and no password gets anywhere', async () => {
    await world.files('db', USERS);
    const handle = await world.start({
      database: 'app',
      changelogFile: 'db/changelog.yaml',
      backupRequired: true,
      backup: { name: 'first' },
      validate: [{ sql: 'select count(*) from users', expect: { min: 1 } }],
    });
    const result = migrationResultSchema.strict().parse(await handle.result());
    expect(result).toMatchObject({
      applied: ['create-users', 'seed-users', 'add-email'],
      rolledBack: false,
      warnings: [],
    });
    expect(result.validation).toHaveLength(2);
    expect(result.validation.every(({ passed }) => passed)).toBe(true);
    expect(await columns('users')).toEqual(['id', 'name', 'email']);
    const backup = result.backup;
    expect(backup?.path).toBe(join(world.backups, 'first.dump'));
    expect((await stat(backup?.path ?? '')).size).toBe(backup?.bytes);
    expect((await stat(backup?.path ?? '')).mode & 0o777).toBe(0o600);
    expect((await readdir(world.backups)).toSorted()).toEqual(['first.dump', 'first.manifest.json']);
    const manifest = await world.store.readArtifact({ digest: backup?.artifact ?? '' });
    expect(JSON.parse(manifest.toString())).toMatchObject({
      sha256: backup?.sha256,
      database: world.target.name,
      runId: handle.workflowId,
    });

    const events = await world.events(handle.workflowId);
    expect(events.filter(({ type }) => type === 'changeset_applied').map(({ subject }) => subject)).toEqual([
      'db/changelog.yaml::create-users::ann',
      'db/changelog.yaml::seed-users::ann',
      'db/more.sql::add-email::bob',
    ]);
    const { password } = world.target;
    expect(await historyOf(handle)).not.toContain(password);
    expect(JSON.stringify(events)).not.toContain(password);
    expect(worker.log()).not.toContain(password);
    const seen = await world.commandLines();
    expect(seen.some((line) => line.includes('LiquibaseCommandLine'))).toBe(true);
    expect(seen.some((line) => line.includes('pg_dump'))).toBe(true);
    expect(seen.join('\n')).not.toContain(password);
    expect(await processesOf(handle)).toBe(0);
  });

  it('applies nothing the second time, and never overwrites an earlier backup', async () => {
    const before = await readFile(join(world.backups, 'first.dump'));
    const result = await world.run({
      database: 'app',
      changelogFile: 'db/changelog.yaml',
      backupRequired: true,
      backup: { name: 'first' },
    });
    expect(result).toMatchObject({ applied: [], rolledBack: false });
    expect(result.backup?.path).toBe(join(world.backups, 'first-2.dump'));
    expect(await readFile(join(world.backups, 'first.dump'))).toEqual(before);
  });

  it('goes back to the tag when a validation fails, and reports every check', async () => {
    await world.files('db', {
      'bad.yaml': oneMore('nick', 'alter table users add column nick text', 'alter table users drop column nick'),
    });
    const failure = await failureOf(
      world.run({
        database: 'app',
        changelogFile: 'db/bad.yaml',
        validate: [
          { name: 'nobody is there', sql: 'select count(*) from users', expect: { equals: 0 } },
          { name: 'no such table', sql: 'select 1 from nowhere', expect: { rows: 1 } },
          { name: 'two rows', sql: 'select * from users', expect: { rows: 2 } },
        ],
      }),
    );
    expect(failure.code).toBe('MigrationRolledBack');
    expect(failure.message).toContain('nobody is there: expected 0, observed 2');
    expect(failure.details).toMatchObject({ rolledBack: true, applied: ['nick'], cause: { code: 'ValidationFailed' } });
    const validation = failure.details['validation'] as { name: string; passed: boolean; observed: string }[];
    expect(validation.map(({ passed }) => passed)).toEqual([true, false, false, true]);
    expect(validation[2]?.observed).toContain('relation "nowhere" does not exist');
    expect(await columns('users')).toEqual(['id', 'name', 'email']);
    expect(await world.target.query("select id from databasechangelog where id = 'nick'")).toEqual([]);
  });

  it('names the changeset that failed, and undoes the ones before it', async () => {
    await world.files('db', {
      'half.yaml': `${oneMore('good', 'create table half (id int)', 'drop table half')}${oneMore('broken', 'insert into nowhere values (1)').split('\n').slice(1).join('\n')}`,
    });
    const failure = await failureOf(world.run({ database: 'app', changelogFile: 'db/half.yaml' }));
    expect(failure.code).toBe('MigrationRolledBack');
    expect(failure.message).toContain('db/half.yaml::broken::cara');
    expect(failure.message).toContain('relation "nowhere" does not exist');
    expect(await columns('half')).toEqual([]);
  });

  it('fails with MigrationFailed when nothing was there to undo', async () => {
    await world.files('db', { 'broken.yaml': oneMore('broken-alone', 'insert into nowhere values (1)') });
    const failure = await failureOf(world.run({ database: 'app', changelogFile: 'db/broken.yaml' }));
    expect(failure).toMatchObject({
      code: 'MigrationFailed',
      details: { changeset: 'db/broken.yaml::broken-alone::cara', applied: [], rolledBack: false },
    });
  });

  it('asks before it changes anything, shows the statements, and takes the answer for exactly these', async () => {
    await world.files('db', { 'asked.yaml': oneMore('asked', 'create table asked (id int)', 'drop table asked') });
    const handle = await world.start({ database: 'app', changelogFile: 'db/asked.yaml', approval: { required: 1 } });
    const { gates } = await waitForStatus(handle, 'the gate', (status) => status.gates[0]?.state === 'open');
    expect(gates[0]?.shown.join('\n')).toContain('create table asked (id int)');
    await world.files('db', { 'asked.yaml': oneMore('asked', 'create table something_else (id int)') });
    await handle.executeUpdate('approve', {
      args: [{ gate: 'migration', evidence: gates[0]?.evidence, by: { identity: 'ada', channel: 'test' } }],
    });
    const failure = await failureOf(handle.result());
    expect(failure.code).toBe('PreflightRefused');
    expect(failure.message).toContain('not what was approved');
    expect(await columns('something_else')).toEqual([]);
  });

  it('pauses between steps and goes on when it is resumed', async () => {
    await world.files('db', { 'paused.yaml': oneMore('paused', 'create table paused (id int)', 'drop table paused') });
    const handle = await world.start({ database: 'app', changelogFile: 'db/paused.yaml' });
    await handle.executeUpdate('pause', { args: [{ reason: 'load' }] });
    await waitForStatus(
      handle,
      'the pause',
      ({ state, waitingFor }) => state === 'paused' && waitingFor?.name === 'resume',
    );
    expect(await columns('paused')).toEqual([]);
    await handle.executeUpdate('resume', { args: [{}] });
    expect(await handle.result()).toMatchObject({ applied: ['paused'] });
    expect((await statusOf(handle)).steps.map(({ id, state }) => `${id} ${state}`)).toEqual([
      'preflight done',
      'update done',
      'validate done',
    ]);
  });

  it('waits while the load is too high, in sight of everybody', async () => {
    await world.target.query('create table load (value int); insert into load values (9)');
    const handle = await world.start({
      database: 'app',
      changelogFile: 'db/changelog.yaml',
      loadGate: { sql: 'select value from load', max: 3, wait: '1m' },
    });
    await waitForStatus(
      handle,
      'the load gate',
      ({ waitingFor }) => waitingFor?.kind === 'condition' && waitingFor.name === 'load <= 3',
    );
    await world.target.query('update load set value = 1');
    expect(await handle.result()).toMatchObject({ applied: [] });
    const failure = await failureOf(
      world.run({
        database: 'app',
        changelogFile: 'db/changelog.yaml',
        loadGate: { sql: 'select value from load', max: 0, wait: '100ms' },
      }),
    );
    expect(failure).toMatchObject({ code: 'GateFailed', details: { required: '<= 0', observed: 1 } });
  });

  it('holds a failed update until a person has mended it and says retry', async () => {
    await world.files('db', { 'held.yaml': oneMore('held', 'insert into missing values (1)', 'drop table missing') });
    const handle = await world.start({ database: 'app', changelogFile: 'db/held.yaml', onFailure: 'hold' });
    const held = await waitForStatus(handle, 'the hold', ({ waitingFor }) => waitingFor?.kind === 'person');
    expect(held.steps.find(({ id }) => id === 'update')?.detail).toContain('relation "missing" does not exist');
    await world.target.query('create table missing (id int)');
    await handle.executeUpdate('retry', { args: [{ step: 'update' }] });
    expect(await handle.result()).toMatchObject({ applied: ['held'] });
  });

  it('restores the backup of the run, without what the migration made and with what it removed', async () => {
    await world.files('db', {
      'lossy.yaml': oneMore(
        'lossy',
        'create table made (id int); create view seen as select * from made; delete from users; alter table users drop column email',
      ),
    });
    const failure = await failureOf(
      world.run({
        database: 'app',
        changelogFile: 'db/lossy.yaml',
        backupRequired: true,
        onFailure: 'restore',
        validate: [{ sql: 'select count(*) from users', expect: { equals: 2 } }],
      }),
    );
    expect(failure).toMatchObject({ code: 'MigrationRolledBack', details: { rolledBack: true } });
    expect(failure.message).toContain('the backup was restored');
    expect(await columns('users')).toEqual(['id', 'name', 'email']);
    expect(await world.target.query('select name from users order by 1')).toEqual([{ name: 'Ann' }, { name: 'Bob' }]);
    expect(await columns('made')).toEqual([]);
    expect(await world.target.query("select id from databasechangelog where id = 'lossy'")).toEqual([]);
  });

  it('says before it begins that a changeset cannot be rolled back', async () => {
    await world.files('db', {
      'oneway.sql': '--liquibase formatted sql\n--changeset ann:oneway\ncreate table oneway (id int);\n',
    });
    const result = await world.run({ database: 'app', changelogFile: 'db/oneway.sql' });
    expect(result.applied).toEqual(['oneway']);
    expect(result.warnings.join()).toContain('not everything can be rolled back');
  });
});
