import { SIGNALS } from '@switchyard/contracts';
import { createRunActivities } from '@switchyard/store';
import { openEventWriter, openWorkerStore, type WorkerContext } from '@switchyard/worker-kit';
import { getClient } from '@temporalio/activity';
import { createActivities } from './activities/index.js';
import { clustersOf } from './cluster/open-cluster.js';

/** Opens what the worker works with, and makes its activities. */
export async function openWorker(context: WorkerContext) {
  const { config, env, log } = context;
  const store = await openWorkerStore(context);
  return {
    ...createRunActivities(store.db),
    ...createActivities({
      roots: config.projectRoots,
      openCluster: clustersOf({ file: config.kubeconfig, env }),
      events: openEventWriter(context, store),
      async report(run, progress) {
        try {
          await getClient().workflow.getHandle(run.workflowId).signal(SIGNALS.progress, progress);
        } catch (error) {
          // Whoever asked may be gone; the work itself goes on.
          log.warn({ err: error, step: progress.step }, 'the workflow could not be told how far its step is');
        }
      },
    }),
  };
}
