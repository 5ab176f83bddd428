import { startReaper, type Reaper } from '@switchyard/process';
import { Worker } from '@temporalio/worker';
import { wrapActivities } from './activity.js';
import type { NO_VARIABLES, Variables } from './config/variable.js';
import { connect } from './connection.js';
import { startHealthServer } from './health.js';
import { runProcess, type ProcessContext } from './run-process.js';
import { installRuntime } from './runtime.js';
import type { WorkerContext, WorkerDefinition } from './worker-definition.js';
import { workerOptions } from './worker-options.js';

/**
 * Runs a worker until it is asked to stop (SIGTERM, SIGINT) or fails, closes what it opened, and sets the exit code of
 * the process (see `EXIT`). Never rejects. One worker per process.
 */
export function runWorker<R = undefined, const V extends Variables = typeof NO_VARIABLES>(
  definition: WorkerDefinition<R, V>,
): Promise<void> {
  return runProcess<V>(definition, (context) => serve(definition, context));
}

/** Opens everything in order, runs the worker to its end. Whatever was opened is in the closers, also on failure. */
async function serve<R, V extends Variables>(
  definition: WorkerDefinition<R, V>,
  base: ProcessContext<V>,
): Promise<void> {
  const { config, env, log, masker, stopping, onClose } = base;
  const startedAt = performance.now();
  let state = (): string => 'STARTING';
  const { metricsUrl } = installRuntime({
    worker: definition.name,
    log,
    host: config.healthHost,
    metricsPort: config.metricsPort,
  });
  const health = await startHealthServer({
    host: config.healthHost,
    port: config.healthPort,
    state: () => state(),
    ...(metricsUrl === undefined ? {} : { metricsUrl }),
  });
  onClose('health endpoint', () => health.close());
  const options = workerOptions(definition, config, env);
  const { connection, namespace, address } = await connect({
    env,
    timeoutMs: config.connectTimeout,
    signal: stopping,
    log,
  });
  onClose('connection to Temporal', () => connection.close());
  const context = workerContext(definition.taskQueue, base);
  const resources = (await definition.open?.(context)) as R;
  const activities = wrapActivities(definition.activities?.(Object.assign(context, { resources })) ?? {}, { masker });
  stopping.throwIfAborted();
  const worker = await Worker.create({ ...options, connection, namespace, activities });
  state = () => worker.getState();
  const running = worker.run();
  const stop = (): void => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  stopping.addEventListener('abort', stop, { once: true });
  // It may have been asked while the worker was being made.
  if (stopping.aborted) stop();
  log.info(
    {
      taskQueue: definition.taskQueue,
      address,
      namespace,
      health: health.url,
      ...(metricsUrl === undefined ? {} : { metrics: metricsUrl }),
      startMs: Math.round(performance.now() - startedAt),
    },
    'running',
  );
  await running;
}

function workerContext<V extends Variables>(taskQueue: string, base: ProcessContext<V>): WorkerContext<V> {
  let reaper: Reaper | undefined;
  return {
    ...base,
    taskQueue,
    get reaper() {
      if (!reaper) {
        const started = startReaper();
        base.onClose('reaper', () => started.close());
        reaper = started;
      }
      return reaper;
    },
  };
}
