import { mkdir, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { keepHistory, replayKept } from '@switchyard/testkit';
import { bundleWorkflowCode, type WorkflowBundleOption } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { BUNDLE, decideGate, failureOfRun, openVmwareWorld, resultOf, value } from './vmware-world.js';

const HISTORIES = new URL('./histories/', import.meta.url);

/** With RECORD_HISTORIES set, the histories are made anew first: after a change that running runs survive by a patch. */
const isRecording = Boolean(process.env['RECORD_HISTORIES']);

async function record(): Promise<void> {
  await using world = await openVmwareWorld();
  await mkdir(HISTORIES, { recursive: true });
  world.fake.on({ 'PUT /cmdb/hosts/*': { status: 403 }, 'GET /api/v1/query': value('1'), 'POST /hook': {} });
  const decision = { prometheus: { url: world.fake.url }, queries: { room: { query: 'free', min: 1 } } };
  const deployed = await world.start(world.input('web1', { decision, approval: { required: 1 } }));
  await decideGate(deployed, 'approval', 'approve');
  await resultOf(deployed);
  await keepHistory(new URL('deployed-with-warning.json', HISTORIES), deployed);
  world.fake.on({ 'GET /api/v1/query': value('0') });
  const unhealthy = await world.start(world.input('web2'));
  await failureOfRun(unhealthy);
  await keepHistory(new URL('unhealthy.json', HISTORIES), unhealthy);
}

const replay = (workflowBundle: WorkflowBundleOption, name: string): Promise<void> =>
  replayKept(new URL(name, HISTORIES), workflowBundle);

describe('kept histories', () => {
  beforeAll(async () => {
    if (isRecording) await record();
  });

  it('are replayed by the workflow as it is now', async () => {
    const names = (await readdir(HISTORIES)).filter((name) => name.endsWith('.json'));
    expect(names.toSorted()).toEqual(['deployed-with-warning.json', 'unhealthy.json']);
    for (const name of names) await replay(BUNDLE, name);
  });

  it('are refused by a workflow that does something else', async () => {
    const { code } = await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('./fixtures/changed-workflow.ts', import.meta.url)),
    });
    await expect(replay({ code }, 'deployed-with-warning.json')).rejects.toThrow(/nondeterminism|TMPRL1100/i);
  });
});
