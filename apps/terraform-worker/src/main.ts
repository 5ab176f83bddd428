import { TASK_QUEUES } from '@switchyard/contracts';
import { runWorker } from '@switchyard/worker-kit';
import { openWorker } from './open-worker.js';

await runWorker({
  name: 'terraform-worker',
  taskQueue: TASK_QUEUES.terraform,
  workflowBundle: new URL('./workflow-bundle.js', import.meta.url),
  open: openWorker,
  activities: ({ resources }) => ({ ...resources }),
  // Each is a process of the tool with its providers, about 65 MB and more.
  slots: { activities: 4 },
  // A stopped apply needs time to save its state before the worker gives up on it.
  shutdown: { graceMs: 10_000, forceMs: 6 * 60_000 },
});
