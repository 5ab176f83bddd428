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
  const { also } = definition;
  // Before anything is opened: a bundle that is missing, or times that cannot be kept, are known at once.
  const queues = [definition, ...(also ? [{ ...withoutBundle(definition), ...also }] : [])].map((queue) =>
    workerOptions(queue, config, env),
  );
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
  const workers: Worker[] = [];
  // One after the other: each loads its bundle, which takes all of a processor.
  // oxlint-disable-next-line no-await-in-loop
  for (const options of queues) workers.push(await Worker.create({ ...options, connection, namespace, activities }));
  // As good as the worst of them.
  state = () => workers.map((worker) => worker.getState()).find((one) => one !== 'RUNNING') ?? 'RUNNING';
  const running = workers.map((worker) => worker.run());
  const stop = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  stopping.addEventListener('abort', stop, { once: true });
  // It may have been asked while the worker was being made.
  if (stopping.aborted) stop();
  log.info(
    {
      taskQueue: definition.taskQueue,
      ...(also ? { alsoOn: also.taskQueue } : {}),
      address,
      namespace,
      health: health.url,
      ...(metricsUrl === undefined ? {} : { metrics: metricsUrl }),
      startMs: Math.round(performance.now() - startedAt),
    },
    'running',
  );
  try {
    await Promise.all(running);
  } catch (error) {
    // The others would keep the process, which no longer does what it is there for.
    stop();
    await Promise.allSettled(running);
    throw error;
  }
}

/** The workflows of a definition belong to its first queue. */
function withoutBundle<R, V extends Variables>(definition: WorkerDefinition<R, V>): WorkerDefinition<R, V> {
  const { workflowBundle: _, ...rest } = definition;
  return rest;
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
