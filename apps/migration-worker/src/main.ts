import { TASK_QUEUES } from '@switchyard/contracts';
import { createRunActivities } from '@switchyard/store';
import { runWorker } from '@switchyard/worker-kit';
import { createActivities } from './activities/index.js';
import { openResources } from './resources.js';

await runWorker({
  name: 'migration-worker',
  taskQueue: TASK_QUEUES.migration,
  workflowBundle: new URL('./workflow-bundle.js', import.meta.url),
  open: openResources,
  activities: ({ resources }) => ({ ...createRunActivities(resources.store.db), ...createActivities(resources) }),
  // Each may be a Java process of some 150 MB; waiting for a lock takes a slot as well.
  slots: { activities: 8 },
  // An interrupted changeset rolls back at once; what is left of it on the server is then ended.
  shutdown: { graceMs: 30_000, forceMs: 60_000 },
});
