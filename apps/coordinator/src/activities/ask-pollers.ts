import { getClient } from '@temporalio/activity';
import proto from '@temporalio/proto';
import type { AskPollers } from './await-pollers.js';

/** Asks the server of the running activity for the pollers of a queue. */
export const askPollers: AskPollers = async (taskQueue) => {
  const { workflowService, options } = getClient();
  const { pollers } = await workflowService.describeTaskQueue({
    namespace: options.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
  });
  return pollers.map((poller) => new Date(Number(poller.lastAccessTime?.seconds ?? 0) * 1_000));
};
