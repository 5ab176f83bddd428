import { TASK_QUEUES } from '@switchyard/contracts';
import { isRunOpen } from '@switchyard/run-probe';
import { createLockActivities, createRunActivities } from '@switchyard/store';
import { runWorker } from '@switchyard/worker-kit';
import { getClient } from '@temporalio/activity';
import { createActivities } from './activities/index.js';
import { openResources } from './resources.js';

await runWorker({
  name: 'ansible-worker',
  taskQueue: TASK_QUEUES.ansible,
  workflowBundle: new URL('./workflow-bundle.js', import.meta.url),
  open: openResources,
  activities: ({ resources: { store, deps } }) => ({
    ...createRunActivities(store.db),
    ...createLockActivities(store.db, { isRunOpen: (owner) => isRunOpen(getClient(), owner) }),
    ...createActivities(deps),
  }),
  // Each is a process of Ansible with its forks.
  slots: { activities: 8 },
  // A playbook that is interrupted gets ten seconds to end its forks.
  shutdown: { graceMs: 15_000, forceMs: 45_000 },
});
