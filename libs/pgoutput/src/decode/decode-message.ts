import { ByteReader } from './byte-reader.js';
import {
  UNCHANGED,
  type Column,
  type PgoutputMessage,
  type ReplicaIdentity,
  type Tuple,
  type Value,
} from './messages.js';

/**
 * Reads one message of pgoutput. `start` is where it begins in `bytes`; it ends where they end. `inStream` says that it
 * stands between StreamStart and StreamStop, where it carries the number of its transaction. Throws
 * MalformedMessageError for a message that is cut off, too long or unknown.
 */
export function decodeMessage(bytes: Buffer, start = 0, inStream = false): PgoutputMessage {
  const reader = new ByteReader(bytes, start);
  const tag = reader.byte();
  if (inStream && TAGS_WITH_XID.has(tag)) reader.uint32();
  const message = decodeBody(reader, tag);
  reader.end();
  return message;
}

/** The number of the (sub)transaction that a message in a streamed block belongs to; undefined for one that has none. */
export function streamedXid(bytes: Buffer, start = 0): number | undefined {
  const tag = bytes[start];
  if (tag === undefined || !TAGS_WITH_XID.has(tag)) return undefined;
  return new ByteReader(bytes, start + 1).uint32();
}

/** Whether a message describes tables and not changes of rows. */
export function isSchemaMessage(bytes: Buffer, start = 0): boolean {
  return bytes[start] === TAG.relation || bytes[start] === TAG.type;
}

/** Whether a message ends a streamed block. */
export function endsBlock(bytes: Buffer, start = 0): boolean {
  return bytes[start] === TAG.streamStop;
}

const TAG = {
  begin: 0x42, // B
  commit: 0x43, // C
  origin: 0x4f, // O
  relation: 0x52, // R
  type: 0x59, // Y
  insert: 0x49, // I
  update: 0x55, // U
  delete: 0x44, // D
  truncate: 0x54, // T
  message: 0x4d, // M
  streamStart: 0x53, // S
  streamStop: 0x45, // E
  streamCommit: 0x63, // c
  streamAbort: 0x41, // A
} as const;

/** What carries the number of its transaction inside a streamed block. Origin does not, although it stands in one. */
const TAGS_WITH_XID: ReadonlySet<number> = new Set([
  TAG.relation,
  TAG.type,
  TAG.insert,
  TAG.update,
  TAG.delete,
  TAG.truncate,
  TAG.message,
]);

function decodeBody(reader: ByteReader, tag: number): PgoutputMessage {
  switch (tag) {
    case TAG.begin:
      return { kind: 'begin', commitLsn: reader.lsn(), committedAt: reader.time(), xid: reader.uint32() };
    case TAG.commit:
      reader.byte(); // flags, none in use
      return { kind: 'commit', commitLsn: reader.lsn(), endLsn: reader.lsn(), committedAt: reader.time() };
    case TAG.origin:
      return { kind: 'origin', commitLsn: reader.lsn(), name: reader.name() };
    case TAG.relation:
      return decodeRelation(reader);
    case TAG.type:
      return { kind: 'type', oid: reader.uint32(), schema: reader.name(), name: reader.name() };
    case TAG.insert:
      return { kind: 'insert', relationId: reader.uint32(), row: decodeNewRow(reader, reader.byte()) };
    case TAG.update:
      return decodeUpdate(reader);
    case TAG.delete: {
      const relationId = reader.uint32();
      const old = decodeOld(reader, reader.byte());
      if (old === undefined) throw reader.malformed('a delete names no old row');
      return { kind: 'delete', relationId, ...old };
    }
    case TAG.truncate:
      return decodeTruncate(reader);
    case TAG.message: {
      const isTransactional = reader.byte() === 1;
      return {
        kind: 'message',
        isTransactional,
        lsn: reader.lsn(),
        prefix: reader.name(),
        content: reader.copy(reader.int32()),
      };
    }
    case TAG.streamStart:
      return { kind: 'streamStart', xid: reader.uint32(), isFirst: reader.byte() === 1 };
    case TAG.streamStop:
      return { kind: 'streamStop' };
    case TAG.streamCommit: {
      const xid = reader.uint32();
      reader.byte(); // flags, none in use
      return { kind: 'streamCommit', xid, commitLsn: reader.lsn(), endLsn: reader.lsn(), committedAt: reader.time() };
    }
    case TAG.streamAbort:
      return { kind: 'streamAbort', xid: reader.uint32(), subXid: reader.uint32() };
    default:
      throw reader.malformed('the kind of message is unknown');
  }
}

const IDENTITIES: Readonly<Record<string, ReplicaIdentity>> = { d: 'default', n: 'nothing', f: 'full', i: 'index' };

function decodeRelation(reader: ByteReader): PgoutputMessage {
  const id = reader.uint32();
  const schema = reader.name();
  const name = reader.name();
  const identity = IDENTITIES[String.fromCharCode(reader.byte())];
  if (identity === undefined) throw reader.malformed('the replica identity is unknown');
  const columns = Array.from({ length: reader.int16() }, (): Column => ({
    isKey: (reader.byte() & 1) === 1,
    name: reader.name(),
    typeOid: reader.uint32(),
    typeModifier: reader.int32(),
  }));
  return { kind: 'relation', relation: { id, schema, name, identity, columns } };
}

function decodeUpdate(reader: ByteReader): PgoutputMessage {
  const relationId = reader.uint32();
  const part = reader.byte();
  const old = decodeOld(reader, part);
  const row = decodeNewRow(reader, old === undefined ? part : reader.byte());
  return { kind: 'update', relationId, row, ...(old ?? NO_OLD) };
}

const NO_OLD = { oldKey: null, oldRow: null } as const;

/** The old row when `part` announces one. */
function decodeOld(reader: ByteReader, part: number): { oldKey: Tuple | null; oldRow: Tuple | null } | undefined {
  if (part === 0x4b /* K */) return { oldKey: decodeTuple(reader), oldRow: null };
  if (part === 0x4f /* O */) return { oldKey: null, oldRow: decodeTuple(reader) };
  return undefined;
}

function decodeNewRow(reader: ByteReader, part: number): Tuple {
  if (part !== 0x4e /* N */) throw reader.malformed('the new row is missing');
  return decodeTuple(reader);
}

function decodeTuple(reader: ByteReader): Tuple {
  // Of its final length from the start: an array that grows keeps room for sixteen values more.
  // oxlint-disable-next-line unicorn/no-new-array -- the length is meant, and Array.from would fill it first
  const values = new Array<Value>(Math.max(0, reader.int16()));
  for (let i = 0; i < values.length; i++) {
    const kind = reader.byte();
    if (kind === 0x74 /* t */) values[i] = reader.text(reader.int32());
    else if (kind === 0x6e /* n */) values[i] = null;
    else if (kind === 0x75 /* u */) values[i] = UNCHANGED;
    else throw reader.malformed('a value is neither text, NULL nor unchanged');
  }
  return values;
}

function decodeTruncate(reader: ByteReader): PgoutputMessage {
  const count = reader.int32();
  const options = reader.byte();
  const relationIds: number[] = [];
  // Not by the announced length alone: a damaged one must not reserve memory.
  for (let i = 0; i < count; i++) relationIds.push(reader.uint32());
  return { kind: 'truncate', relationIds, cascade: (options & 1) === 1, restartIdentity: (options & 2) === 2 };
}
