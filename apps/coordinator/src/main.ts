import { TASK_QUEUES } from '@switchyard/contracts';
import { isRunOpen } from '@switchyard/run-probe';
import { createLockActivities, createRunActivities } from '@switchyard/store';
import { openWorkerStore, runWorker } from '@switchyard/worker-kit';
import { getClient } from '@temporalio/activity';
import { createActivities } from './activities/index.js';

await runWorker({
  name: 'coordinator',
  taskQueue: TASK_QUEUES.coordinator,
  workflowBundle: new URL('./workflow-bundle.js', import.meta.url),
  open: openWorkerStore,
  activities: ({ resources: { db } }) => ({
    ...createRunActivities(db),
    ...createLockActivities(db, { isRunOpen: (owner) => isRunOpen(getClient(), owner) }),
    ...createActivities(),
  }),
  // Light ones only: events and decisions to the store, and looks at task queues that last a while.
  slots: { activities: 100 },
});
