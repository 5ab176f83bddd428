import { TASK_QUEUES } from '@switchyard/contracts';
import { createRunActivities } from '@switchyard/store';
import { runWorker } from '@switchyard/worker-kit';
import { createActivities } from './activities/index.js';
import { openPorts } from './open-ports.js';

await runWorker({
  name: 'integration-worker',
  taskQueue: TASK_QUEUES.integration,
  also: { taskQueue: TASK_QUEUES.vmware, workflowBundle: new URL('./workflow-bundle.js', import.meta.url) },
  open: openPorts,
  activities: ({ resources: { db, ports } }) => ({ ...createRunActivities(db), ...createActivities(ports) }),
  // Calls wait for others most of the time.
  slots: { activities: 100 },
  // A request that is under way ends within its own time-out, 10 s by default.
  shutdown: { graceMs: 15_000, forceMs: 45_000 },
});
