import { POSTGRES_EPOCH_MS } from '../../src/decode/byte-reader.js';
import { UNCHANGED, type PgoutputMessage, type Relation, type Tuple } from '../../src/index.js';

/** Writes a message as the server does; the counterpart of `decodeMessage`. `xid` is given inside a streamed block. */
export function encodeMessage(message: PgoutputMessage, xid?: number): Buffer {
  const own = xid === undefined ? [] : [uint32(xid)];
  switch (message.kind) {
    case 'begin':
      return join('B', lsn(message.commitLsn), time(message.committedAt), uint32(message.xid));
    case 'commit':
      return join('C', byte(0), lsn(message.commitLsn), lsn(message.endLsn), time(message.committedAt));
    case 'origin':
      return join('O', lsn(message.commitLsn), name(message.name));
    case 'relation':
      return join('R', ...own, ...relation(message.relation));
    case 'type':
      return join('Y', ...own, uint32(message.oid), name(message.schema), name(message.name));
    case 'insert':
      return join('I', ...own, uint32(message.relationId), 'N', tuple(message.row));
    case 'update':
      return join('U', ...own, uint32(message.relationId), ...old(message), 'N', tuple(message.row));
    case 'delete':
      return join('D', ...own, uint32(message.relationId), ...old(message));
    case 'truncate': {
      const options = (message.cascade ? 1 : 0) | (message.restartIdentity ? 2 : 0);
      return join('T', ...own, uint32(message.relationIds.length), byte(options), ...message.relationIds.map(uint32));
    }
    case 'message': {
      const { isTransactional, content } = message;
      const head = [byte(isTransactional ? 1 : 0), lsn(message.lsn), name(message.prefix)];
      return join('M', ...own, ...head, uint32(content.length), content);
    }
    case 'streamStart':
      return join('S', uint32(message.xid), byte(message.isFirst ? 1 : 0));
    case 'streamStop':
      return join('E');
    case 'streamCommit': {
      const { commitLsn, endLsn, committedAt } = message;
      return join('c', uint32(message.xid), byte(0), lsn(commitLsn), lsn(endLsn), time(committedAt));
    }
    default:
      return join('A', uint32(message.xid), uint32(message.subXid));
  }
}

/** A frame of data as the walsender sends it. */
export function dataFrame(payload: Buffer, walEnd = 0n): Buffer {
  return join('w', lsn(walEnd), lsn(walEnd), time(POSTGRES_EPOCH_MS), payload);
}

export function keepAliveFrame(walEnd: bigint, wantsReply = false): Buffer {
  return join('k', lsn(walEnd), time(POSTGRES_EPOCH_MS), byte(wantsReply ? 1 : 0));
}

function relation({ id, schema, name: table, identity, columns }: Relation): Buffer[] {
  const letter = { default: 'd', nothing: 'n', full: 'f', index: 'i' }[identity];
  return [
    uint32(id),
    name(schema),
    name(table),
    Buffer.from(letter),
    int16(columns.length),
    ...columns.flatMap((column) => [
      byte(column.isKey ? 1 : 0),
      name(column.name),
      uint32(column.typeOid),
      int32(column.typeModifier),
    ]),
  ];
}

function old({ oldKey, oldRow }: { oldKey: Tuple | null; oldRow: Tuple | null }): (string | Buffer)[] {
  if (oldKey !== null) return ['K', tuple(oldKey)];
  return oldRow === null ? [] : ['O', tuple(oldRow)];
}

function tuple(values: Tuple): Buffer {
  return join(
    int16(values.length),
    ...values.flatMap((value) => {
      if (value === null) return ['n'];
      if (value === UNCHANGED) return ['u'];
      const text = Buffer.from(value);
      return ['t', uint32(text.length), text];
    }),
  );
}

const join = (...parts: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
const name = (text: string): Buffer => join(text, byte(0));
const byte = (value: number): Buffer => Buffer.from([value]);
const sized = (length: number, write: (buffer: Buffer) => number): Buffer => {
  const buffer = Buffer.alloc(length);
  write(buffer);
  return buffer;
};
const int16 = (value: number): Buffer => sized(2, (buffer) => buffer.writeInt16BE(value));
const int32 = (value: number): Buffer => sized(4, (buffer) => buffer.writeInt32BE(value));
const uint32 = (value: number): Buffer => sized(4, (buffer) => buffer.writeUInt32BE(value));
const lsn = (value: bigint): Buffer => sized(8, (buffer) => buffer.writeBigUInt64BE(value));
const time = (ms: number): Buffer =>
  sized(8, (buffer) => buffer.writeBigInt64BE(BigInt(Math.round((ms - POSTGRES_EPOCH_MS) * 1_000))));
