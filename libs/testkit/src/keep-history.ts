import { readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker, type WorkflowBundleOption } from '@temporalio/worker';

/** Writes the history of a run into a file that a suite replays from then on. */
export async function keepHistory(file: URL, handle: WorkflowHandle): Promise<void> {
  const history: unknown = JSON.parse(historyToJSON(await handle.fetchHistory()));
  const text = JSON.stringify(history, (key, value: unknown) => {
    // Where it was recorded says nothing about the workflow.
    if (key === 'stackTrace') return '';
    return typeof value === 'string' ? value.replaceAll(`@${hostname()}`, '@host') : value;
  });
  await writeFile(file, `${text}\n`);
}

/** Replays a history that {@link keepHistory} wrote. @throws DeterminismViolationError where today's code does something else */
export async function replayKept(file: URL, workflowBundle: WorkflowBundleOption): Promise<void> {
  const history: unknown = JSON.parse(await readFile(file, 'utf8'));
  await Worker.runReplayHistory({ workflowBundle }, history);
}
