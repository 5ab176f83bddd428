import { mkdir, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { keepHistory, replayKept } from '@switchyard/testkit';
import type { WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode, type WorkflowBundleOption } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { configMap, deployment } from './objects.js';
import { BUNDLE, failureOf, openWorld, resultOf } from './world.js';

const HISTORIES = new URL('./histories/', import.meta.url);

/** With RECORD_HISTORIES set, the histories are made anew first: after a change that running runs survive by a patch. */
const isRecording = Boolean(process.env['RECORD_HISTORIES']);

async function record(): Promise<void> {
  await using world = await openWorld();
  await mkdir(HISTORIES, { recursive: true });
  const keep = (name: string, run: WorkflowHandle): Promise<void> =>
    keepHistory(new URL(`${name}.json`, HISTORIES), run);
  const namespace = await world.namespace();
  const given = { namespace, set: 'kept', manifests: { objects: [configMap('one'), configMap('two')] } };
  await resultOf(await world.start(given));
  const pruned = await world.start({ ...given, manifests: { objects: [configMap('one')] }, prune: true });
  await resultOf(pruned);
  await keep('applied-and-pruned', pruned);
  const late = await world.start({ namespace, manifests: { objects: [deployment('late')] }, timeout: 10 });
  await failureOf(late);
  await keep('not-ready', late);
  const deleted = await world.start({ ...given, action: 'delete' });
  await resultOf(deleted);
  await keep('deleted', deleted);
}

const replay = (workflowBundle: WorkflowBundleOption, name: string): Promise<void> =>
  replayKept(new URL(name, HISTORIES), workflowBundle);

describe('kept histories', () => {
  beforeAll(async () => {
    if (isRecording) await record();
  });

  it('are replayed by the workflow as it is now', async () => {
    const names = (await readdir(HISTORIES)).filter((name) => name.endsWith('.json'));
    expect(names.toSorted()).toEqual(['applied-and-pruned.json', 'deleted.json', 'not-ready.json']);
    for (const name of names) await replay(BUNDLE, name);
  });

  it('are refused by a workflow that does something else', async () => {
    const { code } = await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('./fixtures/changed-workflow.ts', import.meta.url)),
    });
    await expect(replay({ code }, 'applied-and-pruned.json')).rejects.toThrow(/nondeterminism|TMPRL1100/i);
  });
});
