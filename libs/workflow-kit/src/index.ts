export { activities, type ActivityGroup } from './activities.js';
export { effectiveWaiting, renderStatus } from './board.js';
export { canonicalJson, digestOf } from './digest.js';
export {
  executeChildOn,
  executeRun,
  runAnsible,
  runDatabaseMigration,
  runRunbook,
  runTerraform,
  type ChildOptions,
  type WorkflowInputs,
  type WorkflowResults,
} from './execute-run.js';
export { fail, failureOf, outermost, type CodedFailure } from './failure.js';
export { decide, expire, openGate, refusalOf, type Gate, type GateOpening } from './gate.js';
export { runWorkflow, type WorkflowDefinition } from './run-workflow.js';
export { Gatekeeper, type ApprovalRequest, type GateHost } from './gatekeeper.js';
export { Run, type HoldDecision, type RunDescription } from './run.js';
export { StepHandle, type StepHost } from './step-handle.js';
export { UndoStack, type UndoReport } from './undo.js';
