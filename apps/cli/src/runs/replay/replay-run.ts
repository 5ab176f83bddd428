import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { localWorkers } from '../../workers.js';
import { eventsOf } from '../history/read-history.js';
import { executionsOf, type Execution } from './executions.js';
import { quietRuntime, replayHistory, replayWith, type Difference } from './replay-history.js';
import { toldEvents, type ToldEvent } from './told-events.js';

/** What the replay of one execution came to. */
export interface ReplayedExecution {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
  readonly depth: number;
  readonly events: number;
  readonly told: readonly ToldEvent[];
  readonly outcome: 'deterministic' | 'differs' | 'left-out';
  readonly difference: Difference | null;
  /** Why it was left out; empty otherwise. */
  readonly reason: string;
}

/** Options of {@link replayRun}. */
export interface ReplayRunOptions {
  readonly client: Client;
  /** The checkout whose workers, as built, are what the code is today. */
  readonly root: string;
  readonly run: { readonly workflowId: string; readonly runId: string };
  readonly withChildren: boolean;
}

/** Replays every execution of a run against today's code of the worker of its queue, one after the other. */
export async function* replayRun(options: ReplayRunOptions): AsyncGenerator<ReplayedExecution> {
  quietRuntime();
  const { client, run, withChildren, root } = options;
  for await (const execution of executionsOf(client, run, { withChildren })) yield await replayOne(execution, root);
}

async function replayOne(
  { workflowId, runId, depth, history, read }: Execution,
  root: string,
): Promise<ReplayedExecution> {
  const known = { workflowId, runId, depth, type: read?.type ?? '', difference: null, reason: '' };
  if (!history || !read)
    return { ...known, events: 0, told: [], outcome: 'left-out', reason: 'its history is gone: retention removed it' };
  const seen = { ...known, events: eventsOf(history).length, told: toldEvents(history) };
  const bundle = bundleOf(read.taskQueue, root);
  if ('problem' in bundle) return { ...seen, outcome: 'left-out', reason: bundle.problem };
  const difference = await replayHistory(history, replayWith(bundle.path, workflowId));
  return { ...seen, outcome: difference ? 'differs' : 'deterministic', difference };
}

/** The workflow code of the worker of a queue, as built below the root. */
function bundleOf(taskQueue: string, root: string): { readonly path: string } | { readonly problem: string } {
  const worker = localWorkers(root).find((one) => one.taskQueue === taskQueue);
  if (!worker) return { problem: `its queue "${taskQueue}" belongs to no worker of this checkout` };
  const path = join(root, 'apps', worker.name, 'dist', 'workflow-bundle.js');
  return existsSync(path)
    ? { path }
    : { problem: `${worker.name} has no workflow bundle; build it with \`npx nx run-many -t build bundle\`` };
}
