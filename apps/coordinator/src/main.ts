import { TASK_QUEUES } from '@switchyard/contracts';
import { createRunActivities } from '@switchyard/store';
import { openWorkerStore, runWorker } from '@switchyard/worker-kit';
import { createActivities } from './activities/index.js';

await runWorker({
  name: 'coordinator',
  taskQueue: TASK_QUEUES.coordinator,
  workflowBundle: new URL('./workflow-bundle.js', import.meta.url),
  open: openWorkerStore,
  activities: ({ resources }) => ({ ...createRunActivities(resources.db), ...createActivities() }),
  // Light ones only: events and decisions to the store, and looks at task queues that last a while.
  slots: { activities: 100 },
});
