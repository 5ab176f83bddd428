import { ActivityCancellationType, proxyActivities, type ActivityInterfaceFor } from '@temporalio/workflow';

/** How the activities of one group are called. Times in milliseconds. */
export interface ActivityGroup {
  /** Longest time of one attempt. */
  readonly startToClose: number;
  /** Silence after which a worker counts as lost; default 10 s. `false` for short activities without heartbeats. */
  readonly heartbeat?: number | false;
  /** Attempts in all, for failures that a retry can help; default 5, `Infinity` for no bound. */
  readonly attempts?: number;
  /** Pause before the second attempt, doubled up to {@link maxRetryDelay}; default 1 s. */
  readonly retryDelay?: number;
  /** Longest pause between two attempts; default a minute. */
  readonly maxRetryDelay?: number;
  /** Default: the queue of the calling workflow. */
  readonly taskQueue?: string;
  /** Longest time until a worker takes it; default for ever. */
  readonly scheduleToStart?: number;
  /** Longest time over all attempts; default for ever. */
  readonly scheduleToClose?: number;
}

/**
 * Typed activities with the defaults of the house. A cancelled activity is waited for, so that what follows
 * (compensation above all) starts only after its program is gone.
 */
export function activities<A extends object>(group: ActivityGroup): ActivityInterfaceFor<A> {
  const heartbeat = group.heartbeat ?? 10_000;
  return proxyActivities<A>({
    startToCloseTimeout: group.startToClose,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: {
      maximumAttempts: group.attempts ?? 5,
      initialInterval: group.retryDelay ?? 1_000,
      backoffCoefficient: 2,
      maximumInterval: group.maxRetryDelay ?? 60_000,
    },
    ...(heartbeat === false ? {} : { heartbeatTimeout: heartbeat }),
    ...(group.taskQueue === undefined ? {} : { taskQueue: group.taskQueue }),
    ...(group.scheduleToStart === undefined ? {} : { scheduleToStartTimeout: group.scheduleToStart }),
    ...(group.scheduleToClose === undefined ? {} : { scheduleToCloseTimeout: group.scheduleToClose }),
  });
}
