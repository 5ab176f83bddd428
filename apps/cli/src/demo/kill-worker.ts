import { setTimeout as sleep } from 'node:timers/promises';
import type { RunStatus } from '@switchyard/contracts';
import { status } from '@switchyard/local-stack';
import { readEvents, type Store } from '@switchyard/store';

/** What was seen at the moment of the kill. */
export interface KillStory {
  readonly worker: string;
  readonly pid: number;
  readonly at: string;
  /** Hosts whose result was stored by then: none of them may run again. */
  readonly finishedHosts: readonly string[];
}

const WORKER = 'ansible-worker';

/**
 * Kills the ansible-worker with SIGKILL in the middle of its work: once the first batch is through and another one has
 * hosts in flight. Gives undefined while that is not so.
 */
export async function killInTheMiddle(root: string, store: Store, run: RunStatus): Promise<KillStory | undefined> {
  const configure = run.steps.find((step) => step.id === 'configure');
  if (configure?.state !== 'running' || (configure.progress ?? 0) <= 0) return undefined;
  const events = await readEvents(store.db, { runId: run.runId, sources: ['ansible', 'run'], limit: 5_000 });
  const batches = new Map<string, { hosts: Set<string>; isOver: boolean }>();
  for (const event of events) {
    const batch = batches.get(event.workflowId) ?? { hosts: new Set<string>(), isOver: false };
    if (event.source === 'ansible' && event.subject !== null) batch.hosts.add(event.subject);
    if (event.type === 'run_finished') batch.isOver = true;
    batches.set(event.workflowId, batch);
  }
  const isUnderWay = [...batches.values()].some((batch) => !batch.isOver && batch.hosts.size > 0);
  const finishedHosts = [...batches.values()].filter((batch) => batch.isOver).flatMap((batch) => [...batch.hosts]);
  if (!isUnderWay || finishedHosts.length === 0) return undefined;
  const worker = (await status(root))?.workers.find((candidate) => candidate.name === WORKER);
  if (typeof worker?.pid !== 'number') return undefined;
  process.kill(worker.pid, 'SIGKILL');
  return { worker: WORKER, pid: worker.pid, at: new Date().toISOString(), finishedHosts };
}

/** Waits until the worker runs again under another pid. */
export async function revived(root: string, story: KillStory, timeoutMs = 30_000): Promise<number | undefined> {
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(200)) {
    const worker = (await status(root))?.workers.find((candidate) => candidate.name === story.worker);
    if (typeof worker?.pid === 'number' && worker.pid !== story.pid && worker.state === 'running') return worker.pid;
  }
  return undefined;
}
