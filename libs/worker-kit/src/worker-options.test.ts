import { describe, expect, it } from 'vitest';
import { parseEnvironment } from './config/parse-environment.js';
import { deploymentOptions, shutdownTimes, workerOptions } from './worker-options.js';

const config = (env: NodeJS.ProcessEnv = {}) => parseEnvironment(env, {}).config;

describe('shutdownTimes', () => {
  it('come from the environment, else from the worker, else are ten and forty seconds', () => {
    expect(shutdownTimes({}, config())).toEqual({ graceMs: 10_000, forceMs: 40_000 });
    const definition = { shutdown: { graceMs: 1_000, forceMs: 50_000 } };
    expect(shutdownTimes(definition, config())).toEqual({ graceMs: 1_000, forceMs: 50_000 });
    expect(shutdownTimes(definition, config({ SWITCHYARD_SHUTDOWN_GRACE: '1m' }))).toEqual({
      graceMs: 60_000,
      forceMs: 90_000,
    });
  });

  it('refuse a force time that the grace leaves no room for', () => {
    const env = { SWITCHYARD_SHUTDOWN_FORCE: '5s' };
    expect(() => shutdownTimes({}, config(env))).toThrow('SWITCHYARD_SHUTDOWN_FORCE (5000 ms) must be longer');
  });
});

describe('deploymentOptions', () => {
  it('need both names, and pin runs unless the worker says otherwise', () => {
    const env = { TEMPORAL_DEPLOYMENT_NAME: 'ansible', TEMPORAL_WORKER_BUILD_ID: 'v7' };
    expect(deploymentOptions({ ...env, TEMPORAL_WORKER_BUILD_ID: '' }, undefined)).toBeUndefined();
    expect(deploymentOptions(env, undefined)).toEqual({
      version: { deploymentName: 'ansible', buildId: 'v7' },
      useWorkerVersioning: true,
      defaultVersioningBehavior: 'PINNED',
    });
    expect(deploymentOptions(env, 'AUTO_UPGRADE')?.defaultVersioningBehavior).toBe('AUTO_UPGRADE');
  });
});

describe('workerOptions', () => {
  const definition = { name: 'x', taskQueue: 'x-queue', slots: { activities: 3 } };

  it('take fixed slots from the environment, else from the worker', () => {
    expect(workerOptions(definition, config(), {}).maxConcurrentActivityTaskExecutions).toBe(3);
    const env = { SWITCHYARD_MAX_CONCURRENT_ACTIVITIES: '7', SWITCHYARD_MAX_CACHED_WORKFLOWS: '9' };
    expect(workerOptions(definition, config(env), env)).toMatchObject({
      taskQueue: 'x-queue',
      maxConcurrentActivityTaskExecutions: 7,
      maxCachedWorkflows: 9,
    });
  });

  it('let a heartbeat through every second, since a cancel comes with the answer to one', () => {
    expect(workerOptions(definition, config(), {})).toMatchObject({ maxHeartbeatThrottleInterval: 1_000 });
  });

  it('let another worker take over a run three seconds after its worker has died', () => {
    expect(workerOptions(definition, config(), {})).toMatchObject({ stickyQueueScheduleToStartTimeout: 3_000 });
  });

  it('name a workflow bundle that was not built', () => {
    const missing = { ...definition, workflowBundle: new URL('file:///no/such/bundle.js') };
    expect(() => workerOptions(missing, config(), {})).toThrow('/no/such/bundle.js does not exist');
  });
});
