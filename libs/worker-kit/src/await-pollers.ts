import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, formatDuration } from '@switchyard/contracts';
import { getClient } from '@temporalio/activity';
import proto from '@temporalio/proto';

/** Asks the server who polls a queue for workflow tasks: the times of their last polls. */
export type AskPollers = (taskQueue: string) => Promise<readonly Date[]>;

/** Options of {@link awaitPollers}. */
export interface AwaitPollersOptions {
  readonly taskQueue: string;
  /** Milliseconds; with 0 it looks once. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Told before each further look. */
  readonly onWait?: () => void;
  /** Default: the server of the running activity. */
  readonly ask?: AskPollers;
}

/** A poll lasts up to a minute; who was not seen for longer is gone, though the server lists him for minutes. */
const SEEN_WITHIN_MS = 75_000;
const INTERVAL_MS = 1_000;

/**
 * Waits until a worker polls a queue: what is started there would otherwise wait for ever without a word.
 * @throws CodedError NotFound when none was seen in time
 */
export async function awaitPollers(options: AwaitPollersOptions): Promise<void> {
  const { taskQueue, timeoutMs, signal, ask = askServer } = options;
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    signal.throwIfAborted();
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const seen = await ask(taskQueue);
    if (seen.some((at) => Date.now() - at.getTime() < SEEN_WITHIN_MS)) return;
    if (Date.now() >= deadline) {
      throw new CodedError(
        'NotFound',
        `no worker polls task queue "${taskQueue}" (waited ${formatDuration(timeoutMs)}); start its worker, or correct \`taskQueue\``,
        { details: { taskQueue, timeoutMs } },
      );
    }
    options.onWait?.();
    // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
    await sleep(Math.min(INTERVAL_MS, Math.max(1, deadline - Date.now())), undefined, { signal }).catch(
      () => undefined,
    );
  }
}

const askServer: AskPollers = async (taskQueue) => {
  const { workflowService, options } = getClient();
  const { pollers } = await workflowService.describeTaskQueue({
    namespace: options.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
  });
  return pollers.map((poller) => new Date(Number(poller.lastAccessTime?.seconds ?? 0) * 1_000));
};
