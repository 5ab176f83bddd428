import { CodedError } from '@switchyard/contracts';
import { createMasker, startReaper, type Masker, type Reaper } from '@switchyard/process';
import { Worker } from '@temporalio/worker';
import { wrapActivities } from './activity.js';
import { createClosers, type Closers } from './closers.js';
import { parseEnvironment, type WorkerConfig } from './config/parse-environment.js';
import type { NO_VARIABLES, Variables } from './config/variable.js';
import { connect } from './connection.js';
import { startHealthServer } from './health.js';
import { createLog, type Log } from './logger.js';
import { installRuntime } from './runtime.js';
import { listenForStop } from './stop-signals.js';
import type { WorkerContext, WorkerDefinition } from './worker-definition.js';
import { workerOptions } from './worker-options.js';

/** Exit codes of a worker. */
export const EXIT = {
  /** It was asked to stop, and did. */
  stopped: 0,
  /** It failed: the log says why. */
  failed: 1,
  /** Its configuration is wrong: stderr says what. */
  misconfigured: 2,
} as const;

/** After everything was closed nothing should keep the process alive; if something does, it is not waited for. */
const LINGER_MS = 2_000;

/**
 * Runs a worker until it is asked to stop (SIGTERM, SIGINT) or fails, closes what it opened, and sets the exit code of
 * the process (see {@link EXIT}). Never rejects. One worker per process.
 */
export async function runWorker<R = undefined, const V extends Variables = typeof NO_VARIABLES>(
  definition: WorkerDefinition<R, V>,
): Promise<void> {
  const code = await run(definition);
  process.exitCode = code;
  setTimeout(() => process.exit(code), LINGER_MS).unref();
}

async function run<R, V extends Variables>(definition: WorkerDefinition<R, V>): Promise<number> {
  const { env } = process;
  const masker = createMasker();
  let config: WorkerConfig<V>;
  try {
    const parsed = parseEnvironment(env, definition.variables ?? ({} as V), definition.alsoKnown);
    for (const secret of parsed.secrets) masker.add(secret);
    ({ config } = parsed);
  } catch (error) {
    process.stderr.write(`${definition.name}: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT.misconfigured;
  }
  const log = createLog({ worker: definition.name, level: config.logLevel, masker });
  exitOnUncaught(log);
  const closers = createClosers(log);
  const signals = listenForStop(log);
  let code: number = EXIT.stopped;
  try {
    await serve({ definition, config, masker, log, closers, stopping: signals.stopping });
  } catch (error) {
    code = exitCodeOf(error, signals.stopping, log);
  }
  const closeError = await closers.closeAll();
  signals.release();
  if (closeError && code === EXIT.stopped) code = EXIT.failed;
  log.info({ code }, 'ended');
  return code;
}

/** The tooling's rule: what nobody caught ends the worker. The reaper then ends its programs. */
function exitOnUncaught(log: Log): void {
  process.on('uncaughtException', (error, origin) => {
    log.fatal({ err: error, origin }, 'nobody caught this error');
    process.exit(EXIT.failed);
  });
}

function exitCodeOf(error: unknown, stopping: AbortSignal, log: Log): number {
  if (stopping.aborted && (error === stopping.reason || (error instanceof Error && error.name === 'AbortError'))) {
    return EXIT.stopped;
  }
  log.fatal({ err: error }, 'the worker failed');
  return error instanceof CodedError && error.code === 'InvalidInput' ? EXIT.misconfigured : EXIT.failed;
}

interface Serving<R, V extends Variables> {
  readonly definition: WorkerDefinition<R, V>;
  readonly config: WorkerConfig<V>;
  readonly masker: Masker;
  readonly log: Log;
  readonly closers: Closers;
  readonly stopping: AbortSignal;
}

/** Opens everything in order, runs the worker to its end. Whatever was opened is in the closers, also on failure. */
async function serve<R, V extends Variables>(serving: Serving<R, V>): Promise<void> {
  const { definition, config, log, closers, stopping, masker } = serving;
  const { env } = process;
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
  closers.add('health endpoint', () => health.close());
  const options = workerOptions(definition, config, env);
  const { connection, namespace, address } = await connect({
    env,
    timeoutMs: config.connectTimeout,
    signal: stopping,
    log,
  });
  closers.add('connection to Temporal', () => connection.close());
  const context = createContext(serving);
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

function createContext<R, V extends Variables>({
  definition,
  config,
  masker,
  log,
  closers,
  stopping,
}: Serving<R, V>): WorkerContext<V> {
  let reaper: Reaper | undefined;
  return {
    name: definition.name,
    taskQueue: definition.taskQueue,
    config,
    env: process.env,
    log,
    masker,
    stopping,
    onClose: (name, close) => closers.add(name, close),
    get reaper() {
      if (!reaper) {
        const started = startReaper();
        closers.add('reaper', () => started.close());
        reaper = started;
      }
      return reaper;
    },
  };
}
