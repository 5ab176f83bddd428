import type { Relation, Tuple } from '../decode/messages.js';
import type { Lsn } from '../lsn.js';

/** What a stream gives, in commit order. Each transaction stands between one begin and one commit, whole. */
export type StreamEvent = BeginEvent | RowEvent | TruncateEvent | MessageEvent | CommitEvent | IdleEvent;

/** A change of one row. */
export type RowEvent = InsertEvent | UpdateEvent | DeleteEvent;

export interface BeginEvent {
  readonly kind: 'begin';
  /** Lower 32 bits, without sign. */
  readonly xid: number;
  readonly commitLsn: Lsn;
  /** Milliseconds since 1970, on the server's clock. */
  readonly committedAt: number;
  /**
   * Name of the replication origin that the transaction was written under; null for an ordinary one. Undefined for one that
   * came from a file: the server sends a large transaction before it knows.
   */
  readonly origin: string | null | undefined;
}

export interface InsertEvent {
  readonly kind: 'insert';
  readonly relation: Relation;
  readonly row: Tuple;
}

export interface UpdateEvent {
  readonly kind: 'update';
  readonly relation: Relation;
  readonly row: Tuple;
  /** Key columns of the old row, the rest null; only when the key changed or is stored out of line. */
  readonly oldKey: Tuple | null;
  /** The old row; only with replica identity `full`. */
  readonly oldRow: Tuple | null;
}

export interface DeleteEvent {
  readonly kind: 'delete';
  readonly relation: Relation;
  readonly oldKey: Tuple | null;
  readonly oldRow: Tuple | null;
}

export interface TruncateEvent {
  readonly kind: 'truncate';
  readonly relations: readonly Relation[];
  readonly cascade: boolean;
  readonly restartIdentity: boolean;
}

/** A logical message: inside its transaction, or between transactions when it is not transactional. */
export interface MessageEvent {
  readonly kind: 'message';
  readonly isTransactional: boolean;
  readonly lsn: Lsn;
  readonly prefix: string;
  readonly content: Buffer;
}

export interface CommitEvent {
  readonly kind: 'commit';
  readonly xid: number;
  readonly commitLsn: Lsn;
  /** The position to store and to acknowledge once the transaction is applied. */
  readonly endLsn: Lsn;
}

/**
 * Nothing of ours is in the log up to here, and everything before was acknowledged. Store the position as applied, then
 * acknowledge it: the server may then remove what others wrote.
 */
export interface IdleEvent {
  readonly kind: 'idle';
  readonly lsn: Lsn;
}
