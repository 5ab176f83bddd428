export {
  backfillKeys,
  backfillPages,
  explain,
  planProblem,
  restatedColumns,
  tableExtent,
  type ChunkOptions,
} from './sql/backfill.js';
export {
  batchesOf,
  coalesce,
  compareKeys,
  halves,
  identityOf,
  type Coalesced,
  type RowChange,
} from './applier/coalesce.js';
export { columnOf, readCatalog, type Catalog, type CatalogSection, type SessionFacts } from './catalog/catalog.js';
export { backendPid, catalogQueries, definitionOf } from './catalog/queries.js';
export { keyOf, resolveShape, type ResolvedShape } from './catalog/shape.js';
export {
  addProbeColumns,
  createProbe,
  createProbeOf,
  judgeVolatility,
  overloadsOf,
  probeAssignable,
  probeImmutable,
  type Named,
  type Overload,
  type References,
  type Volatility,
} from './expression/volatility.js';
export {
  objectNames,
  quoteLiteral,
  quoteName,
  quoteNames,
  quoteTable,
  readTableName,
  showTable,
  type ObjectNames,
  type TableName,
  type TableNameRead,
} from './identifiers.js';
export { ABORT_ACTIONS, abortPlan, type AbortAction, type AbortActionName, type AbortPlan } from './machine/abort.js';
export {
  GATE_CONDITIONS,
  gateHolds,
  proofAgeLimit,
  GATES,
  judgeGate,
  OBSERVATIONS,
  type GateCondition,
  type GateName,
  type Observation,
  type ObservationName,
  type Observations,
} from './machine/gates.js';
export {
  canAbort,
  cellOf,
  newMachine,
  phaseOf,
  streamMode,
  transition,
  type MachineEvent,
  type Transition,
} from './machine/machine.js';
export {
  END_STATES,
  EVENTS,
  STATE_NAMES,
  WORK_STATES,
  type EndState,
  type EventName,
  type Machine,
  type Reached,
  type StateName,
  type WorkState,
} from './machine/states.js';
export { TRANSITIONS, type Cell } from './machine/table.js';
export { estimates, RATES, type Basis, type Estimate, type Estimates } from './plan/estimate.js';
export { planChange, type Plan, type PlanOptions } from './plan/plan.js';
export { PHASES, type Phase, type PlanStep, type TakenLock } from './plan/plan-step.js';
export { notNullConstraint } from './plan/steps.js';
export { FINDING_CODES, type Finding, type FindingCode } from './preflight/finding.js';
export { preflight, type Preflight } from './preflight/preflight.js';
export type { Change, ChangeConstraint, ChangeTarget, DerivedColumn, Place, ReversedColumn } from './spec/change.js';
export { newTableOf } from './spec/change.js';
export { normaliseChange, type Normalised } from './spec/normalise.js';
export { expandPreset, type Expansion } from './spec/presets.js';
export { usersNameSplit, type UsersNameSplitOverrides } from './spec/users-name-split.js';
export { readChangeYaml, type ReadChange } from './spec/yaml.js';
export {
  addConstraint,
  addNotNullCheck,
  constraintStates,
  dropConstraint,
  dropNotNull,
  setNotNull,
  validateConstraint,
} from './sql/constraints.js';
export { controlExists, dropNewColumns, dropOldColumns, dropTarget, leftovers, type Expected } from './sql/contract.js';
export {
  advance,
  claimWriter,
  CONTROL_LOCK,
  CONTROL_SCHEMA,
  controlInUse,
  createControlSchema,
  createControlTable,
  deleteControl,
  dropControlSchema,
  dropControlTable,
  fence,
  hasPassed,
  lockControl,
  readControl,
  resetWriter,
  type Advance,
  type Claim,
  type WriterName,
} from './sql/control.js';
export {
  addColumns,
  createPublication,
  createTarget,
  dropPublication,
  grantTarget,
  newColumns,
  setPublicationTables,
  type TableGrant,
} from './sql/expand.js';
export { readGauges } from './sql/gauges.js';
export {
  attachIndex,
  createIndexConcurrently,
  createIndexOnParent,
  dropIndex,
  dropIndexConcurrently,
  indexState,
} from './sql/indexes.js';
export { createOrigin, dropOrigins, otherOrigins, releaseOrigin, useOrigin } from './sql/origin.js';
export {
  countParked,
  createParkedTable,
  deleteParked,
  dropParkedTable,
  park,
  readParked,
  unpark,
  type Parking,
} from './sql/parked.js';
export { differingAmong, differingKeys, nullResults, parityOfRange } from './sql/parity.js';
export { keyValues, nextKey, type Key, type KeyRange, type PageRange, type Side } from './sql/ranges.js';
export {
  clearOldWithoutTarget,
  deleteAllWithoutSource,
  deleteTargetRows,
  insertTargetRows,
  mendNewColumns,
  mendOldColumns,
  mendOldFromTarget,
  rederive,
  updateTargetRows,
  type Batch,
} from './sql/rederive.js';
export {
  applyIsolation,
  applySettings,
  sessionSettings,
  setLimits,
  writeSettings,
  type TransactionLimits,
} from './sql/session.js';
export { emitBarrier, flipMoment, notYetVisible, openWriters, transactionsOlderThan } from './sql/settle.js';
export type { KeyColumn, Relation, Shape, ShapeColumn } from './sql/shape.js';
export type { Statement, StatementValue } from './sql/statement.js';
export {
  CHUNK_SIZING,
  newChunkSizer,
  sizeNextChunk,
  type ChunkSizer,
  type ChunkSizing,
  type ChunkTime,
} from './steering/chunk-size.js';
export { newPace, progressOf, samplePace, type Pace, type Progress } from './steering/progress.js';
export {
  GAUGES,
  STALE_MS,
  throttle,
  type GaugeName,
  type Reading,
  type Readings,
  type ThrottleDecision,
  type ThrottleReason,
} from './steering/throttle.js';
