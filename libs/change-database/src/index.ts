export { passBarrier, type BarrierOptions, type BarrierWait, type PassedBarrier } from './barrier.js';
export { loadCatalog, loadDefinition, type ColumnDefinition } from './catalog.js';
export { controlRows, ensureControl, hasControl, removeControl, type ControlRow } from './control.js';
export {
  changeSchema,
  lockHolders,
  showHolders,
  type ChangeSchemaOptions,
  type LockHolder,
  type SchemaChanged,
} from './ddl.js';
export { FencedOff, takeClaim, writeFenced, type Claimed, type FencedOptions } from './fenced.js';
export { markWrites, originOf } from './marked-writes.js';
export {
  withChangeSession,
  type Answer,
  type ChangeSession,
  type ChangeSessionOptions,
  type Isolation,
} from './session.js';
export { STREAM_WRITER, streamProgressOf, streamProgressSchema, type StreamProgress } from './stream-progress.js';
