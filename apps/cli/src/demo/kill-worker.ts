import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@switchyard/local-stack';
import type { Store } from '@switchyard/store';

/** What was seen at the moment of the kill. */
export interface KillStory {
  readonly worker: string;
  readonly pid: number;
  readonly at: string;
}

/** What was seen when hosts were in flight. */
export interface HostKillStory extends KillStory {
  /** Hosts whose result was stored by then: none of them may run again. */
  readonly finishedHosts: readonly string[];
}

const WORKER = 'ansible-worker';

/** Options of {@link killInTheMiddle}. */
export interface KillOptions {
  readonly root: string;
  readonly store: Store;
  readonly runId: string;
  /** Ends the waiting, when the run is over. */
  readonly signal: AbortSignal;
}

/**
 * Kills the ansible-worker with SIGKILL in the middle of its work: once a first batch is through while another one has
 * hosts in flight. Told by the events as they come, for that moment may be short. Undefined when it never came.
 */
export async function killInTheMiddle({ root, store, runId, signal }: KillOptions): Promise<HostKillStory | undefined> {
  const batches = new Map<string, { readonly hosts: Set<string>; isOver: boolean }>();
  for await (const event of store.followEvents({ runId, sources: ['ansible', 'run'], signal })) {
    const batch = batches.get(event.workflowId) ?? { hosts: new Set<string>(), isOver: false };
    if (event.source === 'ansible' && event.subject !== null) batch.hosts.add(event.subject);
    if (event.type === 'run_finished') batch.isOver = true;
    batches.set(event.workflowId, batch);
    const isUnderWay = [...batches.values()].some(({ isOver, hosts }) => !isOver && hosts.size > 0);
    const finishedHosts = [...batches.values()].filter(({ isOver }) => isOver).flatMap(({ hosts }) => [...hosts]);
    if (!isUnderWay || finishedHosts.length === 0) continue;
    const worker = (await status(root))?.workers.find((candidate) => candidate.name === WORKER);
    if (typeof worker?.pid !== 'number') continue;
    process.kill(worker.pid, 'SIGKILL');
    return { worker: WORKER, pid: worker.pid, at: new Date().toISOString(), finishedHosts };
  }
  return undefined;
}

/** Waits until the worker runs again under another pid. */
export async function revived(root: string, story: KillStory, timeoutMs = 30_000): Promise<number | undefined> {
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(200)) {
    const worker = (await status(root))?.workers.find((candidate) => candidate.name === story.worker);
    if (typeof worker?.pid === 'number' && worker.pid !== story.pid && worker.state === 'running') return worker.pid;
  }
  return undefined;
}
