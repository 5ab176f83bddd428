export { formatLsn, parseLsn, type Lsn } from './lsn.js';
export { MalformedMessageError, StreamLostError, STREAM_LOST_REASONS, type StreamLostReason } from './errors.js';

export { decodeMessage, streamedXid } from './decode/decode-message.js';
export {
  UNCHANGED,
  type BeginMessage,
  type Column,
  type CommitMessage,
  type LogicalMessage,
  type PgoutputMessage,
  type Relation,
  type ReplicaIdentity,
  type StreamCommitMessage,
  type Tuple,
  type Value,
} from './decode/messages.js';

export type {
  BeginEvent,
  CommitEvent,
  DeleteEvent,
  IdleEvent,
  InsertEvent,
  MessageEvent,
  RowEvent,
  StreamEvent,
  TruncateEvent,
  UpdateEvent,
} from './events/stream-event.js';
export { keyReader, type ChangedKey, type Key } from './events/key-reader.js';

export { openChangeStream, type ChangeStreamOptions } from './stream/open-change-stream.js';
export type { ChangeStream } from './stream/change-stream.js';
export type { StreamListeners, StreamMetrics } from './stream/listeners.js';

export type { QueryPort } from './slot/query-port.js';
export { createSlot, type Blocker, type CreateSlotOptions } from './slot/create-slot.js';
export { dropSlot, type DropSlotOptions } from './slot/drop-slot.js';
export { slotState, type SlotState } from './slot/slot-state.js';
export { checkSlot, identifySystem, type SlotIdentity, type SystemIdentity } from './slot/identity.js';
export type { SlotHolder } from './slot/slot-lock.js';
