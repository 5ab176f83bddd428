import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, formatDuration } from '@switchyard/contracts';
import { cancellationSignal, heartbeat } from '@temporalio/activity';
import type { CoordinatorActivities } from './types.js';

/** Asks the server who polls a queue for workflow tasks: the times of their last polls. */
export type AskPollers = (taskQueue: string) => Promise<readonly Date[]>;

/** A poll lasts up to a minute; who was not seen for longer is gone, though the server lists him for minutes. */
const SEEN_WITHIN_MS = 75_000;

const INTERVAL_MS = 1_000;

/** The look at a task queue before a run depends on it. */
export function createAwaitPollers(askPollers: AskPollers): CoordinatorActivities['awaitPollers'] {
  return async ({ taskQueue, timeoutMs }) => {
    const signal = cancellationSignal();
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const seen = await askPollers(taskQueue);
      if (seen.some((at) => Date.now() - at.getTime() < SEEN_WITHIN_MS)) return;
      if (Date.now() >= deadline) {
        throw new CodedError(
          'NotFound',
          `no worker polls task queue "${taskQueue}" (waited ${formatDuration(timeoutMs)}); start its worker, or correct \`taskQueue\``,
          { details: { taskQueue, timeoutMs } },
        );
      }
      heartbeat();
      await sleep(Math.min(INTERVAL_MS, Math.max(1, deadline - Date.now())), undefined, { signal }).catch(
        (error: unknown) => {
          throw signal.aborted ? signal.reason : error;
        },
      );
    }
  };
}
