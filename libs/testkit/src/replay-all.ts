import type { Client } from '@temporalio/client';
import { Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { waitFor } from './wait-for.js';

/** Options of {@link replayAll}. */
export interface ReplayAllOptions {
  readonly client: Client;
  readonly workflowBundle: WorkflowBundleOption;
  /** Every run that this queue has seen is replayed, children too. */
  readonly taskQueue: string;
  /** Default: whenever it was started. */
  readonly since?: Date;
}

/**
 * Replays the history of every run of a task queue from its start, which finds what is not deterministic. A worker
 * with `maxCachedWorkflows: 0` does that at every task, but the SDK then loses local activities of runs that overlap.
 * @returns how many were replayed
 * @throws Error that names each run whose replay differs
 */
export async function replayAll(options: ReplayAllOptions): Promise<number> {
  const { client, workflowBundle, taskQueue, since = new Date(0) } = options;
  const query = `TaskQueue = '${taskQueue}' and StartTime >= '${since.toISOString()}'`;
  // The list is brought up to date in the background: it counts when it has stayed the same for a moment.
  let counted = -1;
  await waitFor(
    async () => {
      const before = counted;
      ({ count: counted } = await client.workflow.count(query));
      return before === counted ? true : undefined;
    },
    { intervalMs: 300, what: 'the list of runs to settle' },
  );
  let replayed = 0;
  const different: string[] = [];
  const histories = client.workflow.list({ query }).intoHistories();
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, histories)) {
    replayed++;
    if (error) different.push(`${workflowId}: ${error.message}`);
  }
  if (different.length > 0) throw new Error(`histories that cannot be replayed:\n${different.join('\n')}`);
  return replayed;
}
