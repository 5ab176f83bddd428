import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startPostgres, waitFor, type StartedPostgres } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oneMore, USERS } from './changelogs.js';
import { failureOf, openWorld, processesOf, waitForStatus, type World } from './world.js';
import type { WorkerProcess } from './worker-process.js';

let server: StartedPostgres;
let world: World;
let worker: WorkerProcess;

beforeAll(async () => {
  server = await startPostgres();
  world = await openWorld({ targetServer: server });
  worker = await world.startWorker();
  await world.files('db', {
    ...USERS,
    'slow.yaml': `${oneMore('quick', 'create table quick (id int)', 'drop table quick')}${changeset('slow', 'create table slow (id int); select pg_sleep(20)', 'drop table slow')}`,
  });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await server.stop();
});

function changeset(...of: Parameters<typeof oneMore>): string {
  return oneMore(...of)
    .split('\n')
    .slice(1)
    .join('\n');
}

const sessions = async (): Promise<number> =>
  (
    await world.target.query(
      "select pid from pg_stat_activity where datname = current_database() and application_name like 'switchyard:%'",
    )
  ).length;

const tables = async (): Promise<string[]> =>
  (
    await world.target.query<{ name: string }>(
      "select tablename as name from pg_tables where schemaname = 'public' order by 1",
    )
  ).map(({ name }) => name);

const inChangeset = (handle: Parameters<typeof processesOf>[0], id: string): Promise<unknown> =>
  waitFor(
    async () =>
      (await world.events(handle.workflowId)).find(
        ({ type, subject }) => type === 'changeset_started' && subject?.includes(`::${id}::`),
      ),
    {
      what: `changeset ${id}`,
      timeoutMs: 60_000,
    },
  );

describe('DatabaseMigrationWorkflow survives', () => {
  it('a cancel in the middle of a changeset: nothing is left running, applied or locked', async () => {
    const handle = await world.start({ database: 'app', changelogFile: 'db/slow.yaml' });
    await inChangeset(handle, 'slow');
    await handle.cancel();
    expect((await failureOf(handle.result())).code).toMatch(/Cancelled/);
    expect(await processesOf(handle)).toBe(0);
    expect(await sessions()).toBe(0);
    expect(await world.target.query('select id from databasechangeloglock where locked')).toEqual([]);
    expect(await tables()).toEqual(['databasechangelog', 'databasechangeloglock']);
  });

  it('SIGKILL of its worker in the middle of a changeset: another worker ends what is left and finishes', async () => {
    const handle = await world.start({ database: 'app', changelogFile: 'db/slow.yaml', backupRequired: true });
    await inChangeset(handle, 'slow');
    await worker.kill();
    worker = await world.startWorker();
    expect(await handle.result()).toMatchObject({ applied: ['quick', 'slow'], rolledBack: false });
    const types = (await world.events(handle.workflowId)).map(({ type }) => type);
    expect(types).toContain('session_ended');
    expect(types).toContain('lock_released');
    expect(await processesOf(handle)).toBe(0);
    expect((await readdir(world.backups)).filter((name) => name.endsWith('.part'))).toEqual([]);
    expect(await readdir(join(world.backups, '..', 'work', 'migration-worker'))).toEqual([]);
  });

  it('SIGKILL of its worker in the middle of a SQL file: the file is applied once', async () => {
    const migrationsDir = await world.files('sql', {
      '1.sql': 'create table counted (id int); insert into counted values (1);',
      '2.sql': 'insert into counted values (2); select pg_sleep(20);',
    });
    const handle = await world.start({ database: 'app', migrationsDir });
    await waitFor(
      async () =>
        (await world.events(handle.workflowId)).some(
          ({ type, subject }) => type === 'file_started' && subject === '2.sql',
        ),
      {
        what: 'the second file',
        timeoutMs: 60_000,
      },
    );
    await worker.kill();
    worker = await world.startWorker();
    expect(await handle.result()).toMatchObject({ applied: ['1.sql', '2.sql'] });
    expect(await world.target.query('select id from counted order by id')).toEqual([{ id: 1 }, { id: 2 }]);
  });

  it('a lock that a dead run left, but respects the lock of anybody else', async () => {
    await world.files('db', { 'after.yaml': oneMore('after', 'create table after (id int)', 'drop table after') });
    await world.target.query(
      "update databasechangeloglock set locked = true, lockgranted = now(), lockedby = 'ann-laptop (10.0.0.7)'",
    );
    const handle = await world.start({ database: 'app', changelogFile: 'db/after.yaml' });
    const status = await waitForStatus(
      handle,
      'the lock',
      ({ waitingFor }) => waitingFor?.name === 'lock of the changelog',
    );
    expect(status.steps.find(({ id }) => id === 'update')?.detail).toContain('ann-laptop (10.0.0.7)');
    await world.target.query("update databasechangeloglock set lockedby = 'vm#switchyard:0-dead-run (10.0.0.8)'");
    expect(await handle.result()).toMatchObject({ applied: ['after'] });
  });

  it('a server that goes away between two steps and comes back', async () => {
    const loadGate = { sql: 'select count(*) from gate', max: 0 };
    // An unknown load is no low load.
    expect(await failureOf(world.run({ database: 'app', changelogFile: 'db/after.yaml', loadGate }))).toMatchObject({
      code: 'PreflightRefused',
    });
    await world.target.query('create table gate (id int); insert into gate values (1)');
    const waiting = await world.start({ database: 'app', changelogFile: 'db/after.yaml', loadGate });
    await waitForStatus(waiting, 'the load', ({ waitingFor }) => waitingFor?.name === 'load <= 0');
    process.kill(server.pid, 'SIGSTOP');
    try {
      await waitForStatus(
        waiting,
        'the wait for the server',
        ({ waitingFor }) => waitingFor?.name === 'the database answers',
        90_000,
      );
    } finally {
      process.kill(server.pid, 'SIGCONT');
    }
    await world.target.query('delete from gate');
    expect(await waiting.result()).toMatchObject({ applied: [] });
  });

  it('a full disk: the backup fails, says so, and leaves nothing', async (context) => {
    const directory = join(world.backups, 'small');
    await mkdir(directory, { recursive: true });
    const mount = promisify(execFile);
    const isMounted = await mount('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', directory]).then(
      () => true,
      () => false,
    );
    if (!isMounted) context.skip('needs the right to mount a small tmpfs');
    try {
      await world.target.query('create table big as select md5(i::text) as text from generate_series(1, 5000) i');
      const failure = await failureOf(
        world.run({
          database: 'app',
          changelogFile: 'db/after.yaml',
          backupRequired: true,
          backup: { directory: 'small' },
        }),
      );
      expect(failure.code).toBe('BackupFailed');
      expect(failure.message).toContain('the disk is full');
      expect(await readdir(directory)).toEqual([]);
    } finally {
      await mount('umount', [directory]);
    }
  });

  it('a notification that nobody takes: a warning, not a failure', async () => {
    const result = await world.run({
      database: 'app',
      changelogFile: 'db/after.yaml',
      notify: { url: 'http://127.0.0.1:1/hook' },
    });
    expect(result.warnings.join()).toContain('the notification was not delivered');
    expect(result.warnings.join()).toContain('is one running on its task queue');
  });
});
