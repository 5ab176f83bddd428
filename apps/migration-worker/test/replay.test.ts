import { mkdir, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { keepHistory, replayKept } from '@switchyard/testkit';
import type { WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode, type WorkflowBundleOption } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { oneMore, USERS } from './changelogs.js';
import { failureOf, openWorld, waitForStatus } from './world.js';

const HISTORIES = new URL('./histories/', import.meta.url);
const BUNDLE = { codePath: fileURLToPath(new URL('../dist/workflow-bundle.js', import.meta.url)) };

/** With RECORD_HISTORIES set, the histories are made anew first: after a change that running runs survive by a patch. */
const isRecording = Boolean(process.env['RECORD_HISTORIES']);

async function record(): Promise<void> {
  await using world = await openWorld();
  await world.startWorker();
  await mkdir(HISTORIES, { recursive: true });
  await world.files('db', { ...USERS, 'bad.yaml': oneMore('bad', 'create table bad (id int)', 'drop table bad') });

  const approved = await world.start({
    database: 'app',
    changelogFile: 'db/changelog.yaml',
    backupRequired: true,
    approval: { required: 1 },
    validate: [{ sql: 'select count(*) from users', expect: { min: 1 } }],
  });
  const { gates } = await waitForStatus(approved, 'the gate', (status) => status.gates[0]?.state === 'open');
  await approved.executeUpdate('approve', {
    args: [{ gate: 'migration', evidence: gates[0]?.evidence, by: { identity: 'ada', channel: 'test' } }],
  });
  await approved.result();
  await keep('approved-and-applied', approved);

  const rolledBack = await world.start({
    database: 'app',
    changelogFile: 'db/bad.yaml',
    validate: [{ sql: 'select 1', expect: { equals: 2 } }],
  });
  await failureOf(rolledBack.result());
  await keep('rolled-back', rolledBack);

  const migrationsDir = await world.files('sql', { '1.sql': 'select * from missing;' });
  const held = await world.start({ database: 'second', migrationsDir, onFailure: 'hold' });
  await waitForStatus(held, 'the hold', ({ waitingFor }) => waitingFor?.kind === 'person');
  await world.second.query('create table missing (id int)');
  await held.executeUpdate('retry', { args: [{ step: 'update' }] });
  await held.result();
  await keep('held-and-retried', held);
}

const keep = (name: string, run: WorkflowHandle): Promise<void> => keepHistory(new URL(`${name}.json`, HISTORIES), run);

const replay = (workflowBundle: WorkflowBundleOption, name: string): Promise<void> =>
  replayKept(new URL(name, HISTORIES), workflowBundle);

describe('kept histories', () => {
  beforeAll(async () => {
    if (isRecording) await record();
  });

  it('are replayed by the workflow as it is now', async () => {
    const names = (await readdir(HISTORIES)).filter((name) => name.endsWith('.json')).toSorted();
    expect(names).toEqual(['approved-and-applied.json', 'held-and-retried.json', 'rolled-back.json']);
    for (const name of names) await replay(BUNDLE, name);
  });

  it('are refused by a workflow that does something else', async () => {
    const { code } = await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('./fixtures/changed-workflow.ts', import.meta.url)),
    });
    await expect(replay({ code }, 'approved-and-applied.json')).rejects.toThrow(/nondeterminism|TMPRL1100/i);
  });
});
