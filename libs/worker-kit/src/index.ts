export { activity, activityLogFields, type ActivityFunction, type ActivityOptions } from './activity.js';
export { awaitPollers, type AskPollers, type AwaitPollersOptions } from './await-pollers.js';
export { bundleWorkflows, type BundleOptions } from './bundle-workflows.js';
export { createClosers, type Close, type Closers } from './closers.js';
export {
  parseEnvironment,
  variableReference,
  type ParsedEnvironment,
  type VariableReference,
  type WorkerConfig,
} from './config/parse-environment.js';
export { GATEWAY_VARIABLES } from './config/gateway-variables.js';
export { parsers, type Values, type Variable, type Variables } from './config/variable.js';
export { NAMES_OF_OTHER_PARTS, WORKER_VARIABLES } from './config/worker-variables.js';
export { connect, type ConnectOptions, type TemporalConnection } from './connection.js';
export { toFailure } from './failure.js';
export { startHealthServer, type HealthOptions, type HealthServer } from './health.js';
export { heartbeatInterval, heartbeatWhile, type HeartbeatOptions } from './heartbeat.js';
export { createLog, temporalLogger, type Log, type LogOptions } from './logger.js';
export { openEventWriter, openWorkerStore } from './open-store.js';
export { EXIT, runProcess, type ProcessContext, type ProcessDefinition } from './run-process.js';
export { runWorker } from './run-worker.js';
export type { ActivityContext, WorkerContext, WorkerDefinition } from './worker-definition.js';
