import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { listDrift } from '@switchyard/store';
import { createGitRepository, keepHistory, startGitServer, waitFor } from '@switchyard/testkit';
import type { WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { followingStack, startDrift } from './drifting.js';
import { openStateBackend } from './state-backend.js';
import { approve, openGateOf, openWorld, statusOf } from './world.js';

const HISTORIES = new URL('./histories/', import.meta.url);
const BUNDLE = { codePath: fileURLToPath(new URL('../dist/workflow-bundle.js', import.meta.url)) };

/** With RECORD_HISTORIES set, the histories that are missing are made first. */
const isRecording = Boolean(process.env['RECORD_HISTORIES']);

const STACK = 'resource "terraform_data" "x" { input = "one" }\noutput "word" { value = terraform_data.x.output }';

async function record(): Promise<void> {
  await using world = await openWorld();
  await world.startWorker({ SWITCHYARD_GIT_PROTOCOLS: 'http' });
  await mkdir(HISTORIES, { recursive: true });
  const start = async (name: string, input: Record<string, unknown> = {}, more = '') => {
    const stack = await world.stack(name, { 'main.tf': `${STACK}${more}` });
    return world.start({ stack: { path: stack }, ...input });
  };

  const applied = await start('approved', { approval: { required: 1 } });
  await approve(applied);
  await applied.result();
  await keep('approved-and-applied', applied);

  const planned = await start('planned', { action: 'plan' });
  await planned.result();
  await keep('planned', planned);

  const rejected = await start('rejected', { approval: { required: 1 } });
  await openGateOf(rejected);
  await rejected.executeUpdate('reject', {
    args: [{ gate: 'plan', reason: 'no', by: { identity: 'ada', channel: 'test' } }],
  });
  await rejected.result().catch(() => undefined);
  await keep('rejected', rejected);

  await using backend = await openStateBackend();
  const state = backend.state('unsaved');
  const unsaved = await start('unsaved', { approval: { required: 1 } }, state.configuration);
  state.refuseToSave(true);
  await approve(unsaved);
  const { evidence } = await openGateOf(unsaved, 'push-state');
  state.refuseToSave(false);
  await unsaved.executeUpdate('approve', {
    args: [{ gate: 'push-state', evidence, by: { identity: 'ada', channel: 'test' } }],
  });
  await unsaved.result().catch(() => undefined);
  await keep('state-pushed', unsaved);

  const { stack, move } = await followingStack(world, 'drifting');
  await move('two');
  const mended = await startDrift(world, { stack: { path: stack }, remediate: 'automatic' });
  await mended.result();
  await keep('drift-mended', mended);

  await move('three');
  const acknowledged = await startDrift(world, { stack: { path: stack }, remediate: 'approval' });
  await waitFor(async () => (await statusOf(acknowledged)).waitingFor?.kind === 'approval', { what: 'the gate' });
  const [found] = await listDrift(world.store.db);
  await acknowledged.executeUpdate('acknowledge', { args: [{ digest: found?.digest, for: '1h', reason: 'a hotfix' }] });
  await acknowledged.result();
  await keep('drift-acknowledged', acknowledged);

  await using repository = await createGitRepository('stacks');
  const localState = `terraform {\n  backend "local" { path = "${world.root}/from-git.tfstate" }\n}\n`;
  await repository.commit({ 'net/main.tf': `${localState}${STACK}\n` });
  await using server = await startGitServer(repository);
  const stackInGit = { git: server.url, ref: 'main', path: 'net' };
  const fromGit = await world.start({ stack: stackInGit, approval: { required: 1 } });
  await approve(fromGit);
  await fromGit.result();
  await keep('from-git', fromGit);
  const compared = await startDrift(world, { stack: stackInGit });
  await compared.result();
  await keep('drift-from-git', compared);
}

/** Kept histories are never recorded anew. */
async function keep(name: string, run: WorkflowHandle): Promise<void> {
  const file = new URL(`${name}.json`, HISTORIES);
  if (!existsSync(file)) await keepHistory(file, run);
}

async function replay(workflowBundle: WorkflowBundleOption, name: string): Promise<void> {
  const history = JSON.parse(await readFile(new URL(name, HISTORIES), 'utf8')) as {
    events: { workflowExecutionStartedEventAttributes?: { workflowId?: string } }[];
  };
  // Ids of children follow from that of the run.
  const workflowId = history.events[0]?.workflowExecutionStartedEventAttributes?.workflowId;
  await Worker.runReplayHistory({ workflowBundle }, history, workflowId);
}

describe('kept histories', () => {
  beforeAll(async () => {
    if (isRecording) await record();
  });

  it('are replayed by the workflow as it is now', async () => {
    const names = (await readdir(HISTORIES)).filter((name) => name.endsWith('.json'));
    expect(names.toSorted()).toEqual([
      'approved-and-applied.json',
      'drift-acknowledged.json',
      'drift-from-git.json',
      'drift-mended.json',
      'from-git.json',
      'planned.json',
      'rejected.json',
      // Of a release that did not ask: not recorded anew.
      'state-not-saved.json',
      'state-pushed.json',
    ]);
    for (const name of names) await replay(BUNDLE, name);
  });

  it('are refused by a workflow that does something else', async () => {
    const { code } = await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('./fixtures/changed-workflow.ts', import.meta.url)),
    });
    await expect(replay({ code }, 'approved-and-applied.json')).rejects.toThrow(/nondeterminism|TMPRL1100/i);
  });
});
