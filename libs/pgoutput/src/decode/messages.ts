import type { Lsn } from '../lsn.js';

/** What stands for a large value that an UPDATE left as it was: the server does not send it, and NULL it is not. */
export const UNCHANGED: unique symbol = Symbol('unchanged');

/** A value as PostgreSQL prints it, NULL, or {@link UNCHANGED}. */
export type Value = string | null | typeof UNCHANGED;

/** The values of one row, in the order of the columns of its relation. */
export type Tuple = readonly Value[];

/** What the old key of a row consists of. */
export type ReplicaIdentity = 'default' | 'nothing' | 'full' | 'index';

export interface Column {
  readonly name: string;
  /** Whether it belongs to the replica identity; with identity `full` every column does. */
  readonly isKey: boolean;
  readonly typeOid: number;
  readonly typeModifier: number;
}

/** A table as it was when the changes that follow were made. */
export interface Relation {
  readonly id: number;
  /** `pg_catalog` is sent as an empty text. */
  readonly schema: string;
  readonly name: string;
  readonly identity: ReplicaIdentity;
  /** Published columns only. */
  readonly columns: readonly Column[];
}

/** The messages of pgoutput, protocols 1 and 2. Numbers of transactions are the lower 32 bits, without sign. */
export type PgoutputMessage =
  | BeginMessage
  | CommitMessage
  | { readonly kind: 'origin'; readonly commitLsn: Lsn; readonly name: string }
  | { readonly kind: 'relation'; readonly relation: Relation }
  | { readonly kind: 'type'; readonly oid: number; readonly schema: string; readonly name: string }
  | { readonly kind: 'insert'; readonly relationId: number; readonly row: Tuple }
  | {
      readonly kind: 'update';
      readonly relationId: number;
      readonly row: Tuple;
      /** The old row, key columns only; present when the key changed or is stored out of line. */
      readonly oldKey: Tuple | null;
      /** The whole old row; with identity `full`. */
      readonly oldRow: Tuple | null;
    }
  | {
      readonly kind: 'delete';
      readonly relationId: number;
      readonly oldKey: Tuple | null;
      readonly oldRow: Tuple | null;
    }
  | {
      readonly kind: 'truncate';
      readonly relationIds: readonly number[];
      readonly cascade: boolean;
      readonly restartIdentity: boolean;
    }
  | LogicalMessage
  | { readonly kind: 'streamStart'; readonly xid: number; readonly isFirst: boolean }
  | { readonly kind: 'streamStop' }
  | StreamCommitMessage
  | { readonly kind: 'streamAbort'; readonly xid: number; readonly subXid: number };

export interface BeginMessage {
  readonly kind: 'begin';
  /** Where the commit record begins. */
  readonly commitLsn: Lsn;
  /** Milliseconds since 1970, on the server's clock. */
  readonly committedAt: number;
  readonly xid: number;
}

export interface CommitMessage {
  readonly kind: 'commit';
  readonly commitLsn: Lsn;
  /** Where the commit record ends: the position to acknowledge. */
  readonly endLsn: Lsn;
  readonly committedAt: number;
}

export interface StreamCommitMessage extends Omit<CommitMessage, 'kind'> {
  readonly kind: 'streamCommit';
  readonly xid: number;
}

export interface LogicalMessage {
  readonly kind: 'message';
  readonly isTransactional: boolean;
  /** Where the record of the message ends. */
  readonly lsn: Lsn;
  readonly prefix: string;
  readonly content: Buffer;
}
