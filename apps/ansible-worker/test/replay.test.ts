import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { beforeAll, expect, test } from 'vitest';
import { HISTORIES, RECORDED, recordHistories } from './record-histories.js';

const bundle = { codePath: fileURLToPath(new URL('../dist/workflow-bundle.js', import.meta.url)) };
const names = Object.keys(RECORDED);

// `RECORD_HISTORIES=1 vitest run test/replay.test.ts` makes the files.
beforeAll(async () => {
  if (process.env['RECORD_HISTORIES']) await recordHistories();
});

async function readHistory(name: string): Promise<ReturnType<typeof historyFromJSON>> {
  return historyFromJSON(JSON.parse(await readFile(path.join(HISTORIES, name), 'utf8')));
}

test('every kept history belongs to a run that is described', async () => {
  expect((await readdir(HISTORIES)).toSorted()).toEqual(names.toSorted());
});

test.each(names)('%s replays with the workflow as it is', async (name) => {
  const replay = Worker.runReplayHistory({ workflowBundle: bundle }, await readHistory(name), `recorded-${name}`);
  await expect(replay).resolves.toBeUndefined();
});

test('a changed workflow replays none of them', async () => {
  const changed = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('./fixtures/changed-workflow/index.ts', import.meta.url)),
    logger: new DefaultLogger('ERROR'),
  });
  for (const name of names) {
    const replay = Worker.runReplayHistory({ workflowBundle: changed }, await readHistory(name), `recorded-${name}`);
    await expect(replay).rejects.toThrow(/determinism/i);
  }
});
