import { askPollers } from './ask-pollers.js';
import { createAwaitPollers } from './await-pollers.js';
import type { CoordinatorActivities } from './types.js';

export type { CoordinatorActivities } from './types.js';

/** The activities of coordinator-queue. */
export function createActivities(): CoordinatorActivities {
  return { awaitPollers: createAwaitPollers(askPollers) };
}
