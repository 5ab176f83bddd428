import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { CodedError } from '@switchyard/contracts';
import type { WorkerDeploymentOptions, WorkerOptions } from '@temporalio/worker';
import { activityLogFields } from './activity.js';
import type { WorkerConfig } from './config/parse-environment.js';
import type { WorkerDefinition } from './worker-definition.js';

const GRACE_MS = 10_000;
/** Beyond the grace, a cancelled program has its own grace and is then killed. */
const FORCE_AFTER_GRACE_MS = 30_000;
/**
 * A cancel comes with the answer to a heartbeat. By default the SDK sends one only every eight tenths of the heartbeat
 * time-out (eight seconds of ten), whatever the activity asks for: then the cancel of a playbook waits that long.
 */
const HEARTBEAT_THROTTLE_MS = 1_000;

/**
 * How long the next task of a run waits for the worker that had the run last. When that one has died nobody else may
 * take it: by default for ten seconds. A query that was asked meanwhile is answered by another worker with newer events
 * than the task will have had, and what then comes from outside before the task is taken no longer fits the history.
 */
const LAST_WORKER_MS = 3_000;

type Definition = Pick<
  WorkerDefinition<unknown, never>,
  'name' | 'taskQueue' | 'workflowBundle' | 'slots' | 'shutdown' | 'versioning'
>;

/** How long a worker takes to stop. Throws InvalidInput when the two times cannot both be kept. */
export function shutdownTimes(
  definition: Pick<Definition, 'shutdown'>,
  config: Pick<WorkerConfig, 'shutdownGrace' | 'shutdownForce'>,
): { readonly graceMs: number; readonly forceMs: number } {
  const graceMs = config.shutdownGrace ?? definition.shutdown?.graceMs ?? GRACE_MS;
  const preset = definition.shutdown?.forceMs;
  // A longer grace in the environment moves the preset force time with it.
  const forceMs = config.shutdownForce ?? Math.max(preset ?? 0, graceMs + FORCE_AFTER_GRACE_MS);
  if (forceMs <= graceMs) {
    throw new CodedError(
      'InvalidInput',
      `SWITCHYARD_SHUTDOWN_FORCE (${forceMs} ms) must be longer than the grace (${graceMs} ms)`,
    );
  }
  return { graceMs, forceMs };
}

function bundlePath(bundle: URL | string): string {
  const codePath = bundle instanceof URL ? fileURLToPath(bundle) : bundle;
  if (existsSync(codePath)) return codePath;
  throw new CodedError('NotFound', `the workflow bundle ${codePath} does not exist; build it with the bundle target`);
}

/** Versioning as the Kubernetes controller asks for it; both names or none. */
export function deploymentOptions(
  env: NodeJS.ProcessEnv,
  behavior: Definition['versioning'],
): WorkerDeploymentOptions | undefined {
  const deploymentName = env['TEMPORAL_DEPLOYMENT_NAME'] || undefined;
  const buildId = env['TEMPORAL_WORKER_BUILD_ID'] || undefined;
  if (deploymentName === undefined || buildId === undefined) return undefined;
  return {
    version: { deploymentName, buildId },
    useWorkerVersioning: true,
    defaultVersioningBehavior: behavior ?? 'PINNED',
  };
}

/** Options of Temporal's worker, all but connection and activities. */
export function workerOptions(definition: Definition, config: WorkerConfig, env: NodeJS.ProcessEnv): WorkerOptions {
  const { graceMs, forceMs } = shutdownTimes(definition, config);
  const deployment = deploymentOptions(env, definition.versioning);
  return {
    taskQueue: definition.taskQueue,
    identity: `${definition.name}:${process.pid}@${hostname()}`,
    shutdownGraceTime: graceMs,
    shutdownForceTime: forceMs,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE_MS,
    defaultHeartbeatThrottleInterval: HEARTBEAT_THROTTLE_MS,
    stickyQueueScheduleToStartTimeout: LAST_WORKER_MS,
    maxConcurrentActivityTaskExecutions: config.maxConcurrentActivities ?? definition.slots?.activities ?? 10,
    maxConcurrentWorkflowTaskExecutions: definition.slots?.workflowTasks ?? 40,
    interceptors: { activity: [activityLogFields] },
    ...(definition.workflowBundle === undefined
      ? {}
      : { workflowBundle: { codePath: bundlePath(definition.workflowBundle) } }),
    ...(config.maxCachedWorkflows === undefined ? {} : { maxCachedWorkflows: config.maxCachedWorkflows }),
    ...(deployment ? { workerDeploymentOptions: deployment } : {}),
  };
}
