import { TASK_QUEUES } from '@switchyard/contracts';
import { awaitPollers } from '@switchyard/worker-kit';
import type { ChangeWork } from './call.js';

const WITHIN_MS = 60_000;

/** Proves that a worker takes tasks of the queue of change streams: without one the slot would keep the log for nobody. */
export function ensureMigrationWorker({ signal, progress }: ChangeWork): Promise<void> {
  const taskQueue = TASK_QUEUES.cdc;
  return awaitPollers({
    taskQueue,
    timeoutMs: WITHIN_MS,
    signal,
    onWait: () => progress(0, `waiting for a worker on ${taskQueue}`),
  });
}
