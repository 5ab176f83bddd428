import { TASK_QUEUES } from '@switchyard/contracts';
import { runWorker } from '@switchyard/worker-kit';
import { openWorker } from './open-worker.js';

await runWorker({
  name: 'kubernetes-worker',
  taskQueue: TASK_QUEUES.kubernetes,
  workflowBundle: new URL('./workflow-bundle.js', import.meta.url),
  open: openWorker,
  activities: ({ resources }) => ({ ...resources }),
  // They wait for the API server and for workloads most of the time.
  slots: { activities: 50 },
  // An object that is being applied; what waits for workloads is taken up by another worker.
  shutdown: { graceMs: 15_000, forceMs: 45_000 },
});
