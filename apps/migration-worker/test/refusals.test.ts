import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { USERS, oneMore } from './changelogs.js';
import { failureOf, historyOf, openWorld, waitForStatus, type World } from './world.js';
import type { WorkerProcess } from './worker-process.js';

let world: World;
let worker: WorkerProcess;

beforeAll(async () => {
  world = await openWorld();
  worker = await world.startWorker();
  await world.files('db', USERS);
});
afterAll(() => world[Symbol.asyncDispose]());

const changelogFile = 'db/changelog.yaml';

describe('DatabaseMigrationWorkflow refuses', () => {
  it('a password in the input, without repeating it, and says the way out', async () => {
    const handle = await world.start({
      DatabaseURL: 'postgres://ann:secretword@127.0.0.1:1/x',
      ChangelogFile: 'none.yaml',
      BackupRequired: true,
    });
    const failure = await failureOf(handle.result());
    expect(failure.code).toBe('InlineCredentialsRefused');
    expect(failure.message).toContain('SWITCHYARD_DATABASES');
    expect(failure.message).toContain('SWITCHYARD_ALLOW_INLINE_CREDENTIALS');
    const events = JSON.stringify(await world.events(handle.workflowId));
    for (const text of [failure.message, JSON.stringify(failure.details), events, worker.log()])
      expect(text).not.toContain('secretword');
    // The input that the caller wrote is in the first event of the history, and nowhere after it.
    expect((await historyOf(handle)).split('secretword')).toHaveLength(2);
  });

  it('an unknown connection, with the nearest name', async () => {
    expect(await failureOf(world.run({ database: 'ap', changelogFile }))).toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('did you mean "app"?') as string,
    });
  });

  it('a URL that fits no connection, naming the connections', async () => {
    const failure = await failureOf(world.run({ databaseUrl: 'postgres://ann@elsewhere:5432/x', changelogFile }));
    expect(failure.code).toBe('NotFound');
    expect(failure.message).toContain('known connections: app');
  });

  it('a wrong password, at once and without showing it', async () => {
    const failure = await failureOf(world.run({ database: 'wrong-password', changelogFile }));
    expect(failure.code).toBe('AuthFailed');
    expect(failure.message).toContain(world.target.name);
  });

  it('a database that does not exist', async () => {
    expect(await failureOf(world.run({ database: 'no-such-database', changelogFile }))).toMatchObject({
      code: 'NotFound',
    });
  });

  it('a server that nobody reaches, after some attempts that everybody sees', async () => {
    const handle = await world.start({ database: 'nobody-listens', changelogFile });
    const status = await waitForStatus(
      handle,
      'the wait',
      ({ waitingFor }) => waitingFor?.name === 'the database answers',
    );
    expect(status.steps[0]).toMatchObject({ id: 'preflight', state: 'waiting' });
    expect(status.steps[0]?.detail).toMatch(/^attempt \d of 5: /);
    expect(await failureOf(handle.result())).toMatchObject({ code: 'DatabaseUnreachable' });
  });

  it('a changelog outside of the project roots, and one that does not exist', async () => {
    expect(await failureOf(world.run({ database: 'app', changelogFile: '/etc/passwd' }))).toMatchObject({
      code: 'PathRefused',
    });
    expect(await failureOf(world.run({ database: 'app', changelogFile: '../secret.yaml' }))).toMatchObject({
      code: 'PathRefused',
    });
    expect(await failureOf(world.run({ database: 'app', changelogFile: 'db/none.yaml' }))).toMatchObject({
      code: 'NotFound',
    });
  });

  it('a changelog that does not parse or names a file that is not there, with the reason', async () => {
    await world.files('db', {
      'no-yaml.yaml': 'databaseChangeLog:\n  - changeSet:\n    id: [x\n',
      'unknown-change.yaml':
        'databaseChangeLog:\n  - changeSet:\n      id: x\n      author: a\n      changes:\n        - createTabel: { tableName: x }\n',
      'missing-file.yaml': 'databaseChangeLog:\n  - include: { file: nope.sql, relativeToChangelogFile: true }\n',
    });
    const failures = [];
    for (const file of ['no-yaml', 'unknown-change', 'missing-file'])
      failures.push(await failureOf(world.run({ database: 'app', changelogFile: `db/${file}.yaml` })));
    expect(failures.map(({ code }) => code)).toEqual(['PreflightRefused', 'PreflightRefused', 'PreflightRefused']);
    expect(failures[0]?.message).toContain('line 3');
    expect(failures[1]?.message).toContain("Unknown change type 'createTabel'");
    expect(failures[2]?.message).toContain('nope.sql');
  });

  it('a changeset that was altered after it was applied', async () => {
    await world.files('db', { 'drift.yaml': oneMore('drift', 'create table drift (id int)', 'drop table drift') });
    await world.run({ database: 'app', changelogFile: 'db/drift.yaml' });
    await world.files('db', { 'drift.yaml': oneMore('drift', 'create table drift (id bigint)', 'drop table drift') });
    const failure = await failureOf(world.run({ database: 'app', changelogFile: 'db/drift.yaml' }));
    expect(failure.code).toBe('PreflightRefused');
    expect(failure.message).toContain('db/drift.yaml::drift::cara');
  });

  it('unknown fields and contradictions, before anything else', async () => {
    expect(await failureOf(world.run({ database: 'app', changelogfile: 'x' }))).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('did you mean "changelogFile"?') as string,
    });
    expect(await failureOf(world.run({ database: 'app', changelogFile, onFailure: 'restore' }))).toMatchObject({
      code: 'InvalidInput',
    });
    expect(await failureOf(world.run(null))).toMatchObject({ code: 'InvalidInput' });
  });

  it('a backup outside of the backup directory', async () => {
    const failure = await failureOf(
      world.run({ database: 'app', changelogFile, backupRequired: true, backup: { directory: '../elsewhere' } }),
    );
    expect(failure.code).toBe('PathRefused');
  });
});

describe('DatabaseMigrationWorkflow takes', () => {
  it('a URL without a password for the connection that it stands for', async () => {
    const { user, host, port, name } = world.target;
    const result = await world.run({ databaseUrl: `postgres://${user}@${host}:${port}/${name}`, changelogFile });
    expect(result.applied).toContain('create-users');
  });

  it('changelog parameters, contexts and labels', async () => {
    await world.files('db', {
      'tuned.yaml': `databaseChangeLog:
  - changeSet:
      id: tuned
      author: ann
      context: prod
      labels: wanted
      changes: [ { sql: { sql: "create table \${table} (id int)" } } ]
      rollback: [ { sql: { sql: "drop table \${table}" } } ]
  - changeSet:
      id: not-here
      author: ann
      context: dev
      changes: [ { sql: { sql: "select nonsense" } } ]
`,
    });
    const result = await world.run({
      database: 'app',
      changelogFile: 'db/tuned.yaml',
      contexts: ['prod'],
      labels: 'wanted',
      parameters: { table: 'from_parameter' },
    });
    expect(result.applied).toEqual(['tuned']);
    expect(await world.target.query("select to_regclass('from_parameter') is not null as found")).toEqual([
      { found: true },
    ]);
    expect((await world.commandLines()).join('\n')).not.toContain('from_parameter');
  });
});
