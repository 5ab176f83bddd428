import { mkdir, readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { keepHistory } from '@switchyard/testkit';
import type { WorkflowHandle } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { abort, approve, failureOf, gateOf, nameSplit, resultOf, startChange, waitForStatus } from '../src/change.js';
import { forget, makeUsers } from '../src/people.js';
import { openWorld } from '../src/world.js';

const HISTORIES = new URL('./histories/', import.meta.url);
const CODE = {
  change: fileURLToPath(new URL('../../apps/migration-worker/dist/workflow-bundle.js', import.meta.url)),
  stream: fileURLToPath(new URL('../../apps/cdc-worker/dist/workflow-bundle.js', import.meta.url)),
};

/** With RECORD_HISTORIES set, the histories are made anew first: after a change that running runs survive by a patch. */
const isRecording = Boolean(process.env['RECORD_HISTORIES']);

async function record(): Promise<void> {
  await using world = await openWorld();
  await Promise.all([world.start('migration-worker'), world.start('cdc-worker')]);
  await mkdir(HISTORIES, { recursive: true });
  const streamOf = (run: WorkflowHandle): WorkflowHandle => world.client.workflow.getHandle(`${run.workflowId}/stream`);

  await makeUsers(world.target, 500);
  const completed = await startChange(world, nameSplit());
  await approve(completed, 'cutover');
  await approve(completed, 'contract');
  await resultOf(completed);
  await keep('change-completed', completed);
  await keep('stream-completed', streamOf(completed));
  await forget(world);

  await makeUsers(world.target, 500);
  const aborted = await startChange(world, nameSplit());
  await approve(aborted, 'cutover');
  await waitForStatus(aborted, 'the last gate', (status) => gateOf(status, 'contract')?.state === 'open');
  await abort(aborted, 'a test');
  await failureOf(resultOf(aborted));
  await keep('change-aborted', aborted);
  await keep('stream-aborted', streamOf(aborted));
}

const keep = (name: string, run: WorkflowHandle): Promise<void> => keepHistory(new URL(`${name}.json`, HISTORIES), run);

interface KeptHistory {
  readonly events: readonly [{ readonly workflowExecutionStartedEventAttributes: { readonly workflowId: string } }];
}

describe('kept histories', () => {
  beforeAll(async () => {
    if (isRecording) await record();
  }, 300_000);

  it('of changes and their streams are replayed by the workflows as they are now', async () => {
    const names = (await readdir(HISTORIES)).filter((name) => name.endsWith('.json')).toSorted();
    expect(names).toEqual([
      'change-aborted.json',
      'change-completed.json',
      'stream-aborted.json',
      'stream-completed.json',
    ]);
    for (const name of names) {
      const history = JSON.parse(await readFile(new URL(name, HISTORIES), 'utf8')) as KeptHistory;
      const codePath = name.startsWith('change') ? CODE.change : CODE.stream;
      const [{ workflowExecutionStartedEventAttributes: started }] = history.events;
      // The ids of children are made of that of their parent.
      await Worker.runReplayHistory({ workflowBundle: { codePath } }, history, started.workflowId);
    }
  });
});
