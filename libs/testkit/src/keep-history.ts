import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

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
