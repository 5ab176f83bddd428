import { awaitPollers, heartbeatWhile } from '@switchyard/worker-kit';
import { Context } from '@temporalio/activity';
import type { CoordinatorActivities } from './types.js';

export type { CoordinatorActivities } from './types.js';

/** The activities of coordinator-queue. */
export function createActivities(): CoordinatorActivities {
  return {
    awaitPollers: ({ taskQueue, timeoutMs }) =>
      heartbeatWhile(Context.current(), (signal) => awaitPollers({ taskQueue, timeoutMs, signal })),
  };
}
