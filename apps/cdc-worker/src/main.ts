import { TASK_QUEUES } from '@switchyard/contracts';
import { createRunActivities } from '@switchyard/store';
import { runWorker } from '@switchyard/worker-kit';
import { createActivities } from './activities/index.js';
import { openResources } from './resources.js';

await runWorker({
  name: 'cdc-worker',
  taskQueue: TASK_QUEUES.cdc,
  workflowBundle: new URL('./workflow-bundle.js', import.meta.url),
  open: openResources,
  activities: ({ resources }) => ({ ...createRunActivities(resources.store.db), ...createActivities(resources) }),
  // Each stream takes a slot for as long as it lives, and three connections.
  slots: { activities: 20 },
  // A batch ends in milliseconds, and what is not applied is sent again: nothing is gained by waiting.
  shutdown: { graceMs: 1_000, forceMs: 15_000 },
});
