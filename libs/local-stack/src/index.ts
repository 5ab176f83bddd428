export { startCluster, stopCluster, type Cluster, type ClusterOptions } from './postgres/cluster.js';
export { ownFolder } from './postgres/cluster.js';
export { canEnter, openFolder, serverUser, type ServerUser } from './postgres/server-user.js';
export { SEARCH_ATTRIBUTES, startDevServer, type DevServer, type DevServerOptions } from './temporal/dev-server.js';
export { endWithParent, type Guard, type GuardOptions } from './processes/guard.js';
export { freePort } from './processes/ports.js';
export {
  endProcesses,
  identify,
  isRunning,
  processesWithEnvironment,
  type EndOptions,
  type ProcessIdentity,
} from './processes/processes.js';
export { toolContext } from './tools/context.js';
export { findTool, requireTool, type FindOptions } from './tools/find-tool.js';
export { kubernetesTool } from './tools/kubernetes.js';
export { temporalTool } from './tools/temporal.js';
export {
  OPTIONAL_TOOLS,
  TEST_TOOLS,
  TOOLS,
  type Attempt,
  type FoundTool,
  type ToolContext,
  type ToolName,
  type ToolReport,
} from './tools/tool.js';
export { doctor, obtainTools, toolDefinition, type ToolsOptions } from './tools/doctor.js';
export { toolEnvironment } from './tools/tool-environment.js';
export { down, type DownResult } from './stack/down.js';
export { stackEnvironment } from './stack/environment.js';
export { environment, status, type GatewayStatus, type StackStatus, type WorkerStatus } from './stack/status.js';
export { up, type UpOptions, type UpResult } from './stack/up.js';
export type { GatewaySpec, WorkerSpec } from './stack/process-supervision.js';
