export { activities, type ActivityGroup } from './activities.js';
export { effectiveWaiting, renderStatus } from './board.js';
export { continueRun, isHistoryLong } from './continue-run.js';
export { canonicalJson, digestOf } from './digest.js';
export {
  executeChildOn,
  executeRun,
  runAnsible,
  runDatabaseMigration,
  runKubernetes,
  runRunbook,
  runSchemaChange,
  runTerraform,
  runVmwareDeploy,
  startChildOn,
  type ChildOptions,
  type WorkflowInputs,
  type WorkflowResults,
} from './execute-run.js';
export { fail, failureOf, outermost, type CodedFailure } from './failure.js';
export {
  closedGate,
  deadlineOf,
  decide,
  expire,
  openGate,
  overdue,
  refusalOf,
  revoke,
  revokeRefusal,
  showGate,
  type Gate,
  type GateOpening,
  type GateView,
} from './gate.js';
export { answersOf } from './gate-answers.js';
export { runWorkflow, type WorkflowDefinition } from './run-workflow.js';
export type { GateHost } from './gate-host.js';
export { Gatekeeper, type ApprovalRequest } from './gatekeeper.js';
export { lockSteps, withLocks, type LocksWanted } from './locks.js';
export { pinSource, SOURCE_STEP, sourceSteps } from './pin-source.js';
export { nameOf, Run, type CarriedRun, type HoldDecision, type RunDescription } from './run.js';
export { StepHandle, type StepHost } from './step-handle.js';
export { WatchedGate, type WatchRequest } from './watched-gate.js';
export { UndoStack, type UndoReport } from './undo.js';
