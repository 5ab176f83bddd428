import {
  TASK_QUEUES,
  vmQueueOf,
  type HealthCheckInput,
  type IntegrationActivities,
  type VmInput,
} from '@switchyard/contracts';
import { activities, type ActivityGroup } from '@switchyard/workflow-kit';

const ATTEMPTS = 3;
/** Time that a worker has over the time of the call itself, in milliseconds. */
const GRACE_MS = 10_000;
const HEARTBEAT_MS = 15_000;

/** A call of a few requests. Without heartbeat: a further attempt then starts only when those of the one before are over. */
export function shortCalls(timeout: number): IntegrationActivities {
  return call({ startToClose: 5 * timeout + GRACE_MS, heartbeat: false });
}

/** A health check, on the queue whose workers reach the monitoring. */
export const healthCalls = ({ within }: HealthCheckInput): IntegrationActivities =>
  call({ startToClose: within + GRACE_MS, heartbeat: HEARTBEAT_MS });

/** The work on one machine. */
export const vmCalls = (input: VmInput): IntegrationActivities =>
  call({
    taskQueue: vmQueueOf(input),
    startToClose: input.within + 5 * input.timeout + GRACE_MS,
    heartbeat: HEARTBEAT_MS,
  });

function call(group: Omit<ActivityGroup, 'attempts'>): IntegrationActivities {
  return activities<IntegrationActivities>({ taskQueue: TASK_QUEUES.integration, ...group, attempts: ATTEMPTS });
}
