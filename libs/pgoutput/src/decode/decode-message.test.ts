import fc, { type Arbitrary } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeMessage } from '../../test/support/encode.js';
import { MalformedMessageError } from '../errors.js';
import { decodeMessage, endsBlock, isSchemaMessage, streamedXid } from './decode-message.js';
import { UNCHANGED, type Column, type PgoutputMessage, type ReplicaIdentity, type Value } from './messages.js';

/** Printed by a failure; set it in the environment to run the same cases again. */
const seed = Number(process.env['FAST_CHECK_SEED'] ?? Date.now() % 2 ** 31);

const read = (hex: string, inStream = false): PgoutputMessage => decodeMessage(Buffer.from(hex, 'hex'), 0, inStream);
const T_COLUMNS =
  '040169640000000017ffffffff006e616d650000000019ffffffff006d0000004001ffffffff006269670000000019ffffffff';

/** Bytes that PostgreSQL 15 sent. */
describe('a message of the server', () => {
  test('begins and commits a transaction', () => {
    expect(read('4200000000014ffe580003041b5c7e329f000002d6')).toEqual({
      kind: 'begin',
      commitLsn: 0x14ffe58n,
      committedAt: Date.parse('2026-11-25T16:48:12.534Z'),
      xid: 726,
    });
    expect(read('430000000000014ffe5800000000014ffe880003041b5c7e329f')).toMatchObject({
      kind: 'commit',
      commitLsn: 0x14ffe58n,
      endLsn: 0x14ffe88n,
    });
  });

  test('describes a table and a type', () => {
    const column = (name: string, typeOid: number, isKey = false): Column => ({
      isKey,
      name,
      typeOid,
      typeModifier: -1,
    });
    expect(read(`52000040037075626c69630074006400${T_COLUMNS}`)).toEqual({
      kind: 'relation',
      relation: {
        id: 16_387,
        schema: 'public',
        name: 't',
        identity: 'default',
        columns: [column('id', 23, true), column('name', 25), column('m', 16_385), column('big', 25)],
      },
    });
    expect(read('59000040017075626c6963006d6f6f6400')).toEqual({
      kind: 'type',
      oid: 16_385,
      schema: 'public',
      name: 'mood',
    });
  });

  test('changes a row, with NULL, empty text and what is unchanged told apart', () => {
    expect(read('49000040034e00047400000001326e6e740000000573686f7274')).toEqual({
      kind: 'insert',
      relationId: 16_387,
      row: ['2', null, null, 'short'],
    });
    expect(read('55000040034e00047400000001317400000002c3bc74000000026f6b75')).toEqual({
      kind: 'update',
      relationId: 16_387,
      row: ['1', 'ü', 'ok', UNCHANGED],
      oldKey: null,
      oldRow: null,
    });
    expect(read('55000040034b00047400000001316e6e6e4e00047400000001337400000002c3bc74000000026f6b75')).toMatchObject({
      row: ['3', 'ü', 'ok', UNCHANGED],
      oldKey: ['1', null, null, null],
      oldRow: null,
    });
    expect(read('550000400a4f00027400000001316e4e00027400000001317400000000')).toMatchObject({
      row: ['1', ''],
      oldKey: null,
      oldRow: ['1', null],
    });
    expect(read('44000040034b00047400000001336e6e6e')).toEqual({
      kind: 'delete',
      relationId: 16_387,
      oldKey: ['3', null, null, null],
      oldRow: null,
    });
  });

  test('empties tables, carries words, names an origin', () => {
    expect(read('540000000203000040030000400a')).toEqual({
      kind: 'truncate',
      relationIds: [16_387, 16_394],
      cascade: true,
      restartIdentity: true,
    });
    expect(read('4d0100000000015018f87072650000000003636f6e')).toEqual({
      kind: 'message',
      isTransactional: true,
      lsn: 0x15018f8n,
      prefix: 'pre',
      content: Buffer.from('con'),
    });
    expect(read('4d0000000000015019607072650000000000')).toMatchObject({
      isTransactional: false,
      content: Buffer.alloc(0),
    });
    expect(read('4f0000000000000000757300')).toEqual({ kind: 'origin', commitLsn: 0n, name: 'us' });
  });

  test('of a streamed block carries the number of its subtransaction', () => {
    expect(read('53000002e101')).toEqual({ kind: 'streamStart', xid: 737, isFirst: true });
    expect(read('53000002e100')).toMatchObject({ isFirst: false });
    const row = Buffer.from('49000002e30000400a4e000274000000013174000000017a', 'hex');
    expect(decodeMessage(row, 0, true)).toEqual({ kind: 'insert', relationId: 16_394, row: ['1', 'z'] });
    expect(streamedXid(row)).toBe(739);
    expect(isSchemaMessage(row)).toBe(false);
    expect(isSchemaMessage(Buffer.from('52', 'hex'))).toBe(true);
    expect(read('4d000002e1010000000001567ab870000000000171', true)).toMatchObject({ prefix: 'p' });
    // An origin stands in a block without a number.
    const origin = Buffer.from('4f0000000000000000757300', 'hex');
    expect(decodeMessage(origin, 0, true)).toMatchObject({ name: 'us' });
    expect(streamedXid(origin)).toBeUndefined();
    expect(read('45')).toEqual({ kind: 'streamStop' });
    expect(endsBlock(Buffer.from('45', 'hex'))).toBe(true);
    expect(read('41000002e1000002e2')).toEqual({ kind: 'streamAbort', xid: 737, subXid: 738 });
    expect(read('63000002e1000000000001567ab80000000001567af00003041b5d5c2201')).toMatchObject({
      kind: 'streamCommit',
      xid: 737,
      commitLsn: 0x1567ab8n,
      endLsn: 0x1567af0n,
    });
  });

  test('has numbers of transactions without a sign', () => {
    expect(read('4200000000014ffe580003041b5c7e329ffffffff0')).toMatchObject({ xid: 4_294_967_280 });
    expect(streamedXid(Buffer.from('49fffffff0', 'hex'))).toBe(4_294_967_280);
  });
});

const oid = fc.nat({ max: 2 ** 32 - 1 });
const lsn = fc.bigInt({ min: 0n, max: 2n ** 63n });
const time = fc.integer({ min: 946_684_800_000, max: 4_102_444_800_000 });
const word = fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => text.replaceAll('\0', ''));
const value: Arbitrary<Value> = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant(null), fc.constant(UNCHANGED));
const tuple = fc.array(value, { maxLength: 6 });
const column: Arbitrary<Column> = fc.record({
  isKey: fc.boolean(),
  name: word,
  typeOid: oid,
  typeModifier: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
});
const relation = fc.record({
  id: oid,
  schema: word,
  name: word,
  identity: fc.constantFrom<ReplicaIdentity>('default', 'nothing', 'full', 'index'),
  columns: fc.array(column, { maxLength: 5 }),
});
const old = fc.oneof(
  tuple.map((oldKey) => ({ oldKey, oldRow: null })),
  tuple.map((oldRow) => ({ oldKey: null, oldRow })),
);
const kind = <Kind extends string>(name: Kind): Arbitrary<Kind> => fc.constant(name);
/** What may stand in a streamed block, and there carries a number. */
const streamable: Arbitrary<PgoutputMessage> = fc.oneof(
  fc.record({ kind: kind('relation'), relation }),
  fc.record({ kind: kind('type'), oid, schema: word, name: word }),
  fc.record({ kind: kind('insert'), relationId: oid, row: tuple }),
  fc.record({
    kind: kind('update'),
    relationId: oid,
    row: tuple,
    oldKey: fc.constant(null),
    oldRow: fc.constant(null),
  }),
  fc
    .tuple(oid, tuple, old)
    .map(([relationId, row, before]) => ({ kind: 'update', relationId, row, ...before }) as const),
  fc.tuple(oid, old).map(([relationId, before]) => ({ kind: 'delete', relationId, ...before }) as const),
  fc.record({
    kind: kind('truncate'),
    relationIds: fc.array(oid, { maxLength: 4 }),
    cascade: fc.boolean(),
    restartIdentity: fc.boolean(),
  }),
  fc.record({
    kind: kind('message'),
    isTransactional: fc.boolean(),
    lsn,
    prefix: word,
    content: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  }),
);
const message: Arbitrary<PgoutputMessage> = fc.oneof(
  streamable,
  fc.record({ kind: kind('begin'), commitLsn: lsn, committedAt: time, xid: oid }),
  fc.record({ kind: kind('commit'), commitLsn: lsn, endLsn: lsn, committedAt: time }),
  fc.record({ kind: kind('origin'), commitLsn: lsn, name: word }),
  fc.record({ kind: kind('streamStart'), xid: oid, isFirst: fc.boolean() }),
  fc.record({ kind: kind('streamStop') }),
  fc.record({ kind: kind('streamCommit'), xid: oid, commitLsn: lsn, endLsn: lsn, committedAt: time }),
  fc.record({ kind: kind('streamAbort'), xid: oid, subXid: oid }),
);

describe('any message', () => {
  test('is read as it was written, wherever it begins', () => {
    fc.assert(
      fc.property(message, fc.nat({ max: 30 }), (written, start) => {
        const bytes = Buffer.concat([Buffer.alloc(start, 0xff), encodeMessage(written)]);
        expect(decodeMessage(bytes, start)).toEqual(written);
      }),
      { seed },
    );
  });

  test('of a streamed block is read as the same message with a number', () => {
    fc.assert(
      fc.property(streamable, oid, (written, xid) => {
        const bytes = encodeMessage(written, xid);
        expect(streamedXid(bytes)).toBe(xid);
        expect(decodeMessage(bytes, 0, true)).toEqual(written);
      }),
      { seed },
    );
  });

  test('that is cut off or goes on too long is refused, and never read as another', () => {
    fc.assert(
      fc.property(message, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (written, part) => {
        const bytes = encodeMessage(written);
        const cut = bytes.subarray(0, Math.floor(bytes.length * part));
        expect(() => decodeMessage(cut)).toThrow(MalformedMessageError);
        expect(() => decodeMessage(Buffer.concat([bytes, Buffer.from([0])]))).toThrow('1 bytes are left over');
      }),
      { seed },
    );
  });

  test('that is damaged is read or refused, and nothing else happens', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(message, damage, (written, changes) => {
        const bytes = encodeMessage(written);
        for (const [at, to] of changes) bytes[at % bytes.length] = to;
        try {
          decodeMessage(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessageError);
        }
      }),
      { seed, numRuns: 500 },
    );
  });
});

describe('an error about a message', () => {
  test('names its kind and place, and nothing of what it holds', () => {
    const bytes = encodeMessage({ kind: 'insert', relationId: 7, row: ['4111-1111', 'secret'] });
    const error = (() => {
      try {
        return decodeMessage(bytes.subarray(0, -1));
      } catch (caught) {
        return caught as MalformedMessageError;
      }
    })();
    expect(error).toMatchObject({ code: 'Internal', retryable: false, details: { message: 'I' } });
    expect(JSON.stringify(error)).not.toContain('secret');
    expect((error as Error).message).toMatch(
      /^The server sent a message of pgoutput \("I"\) that cannot be read at byte/,
    );
    expect(() => decodeMessage(Buffer.from('Z'))).toThrow('the kind of message is unknown');
    expect(() => decodeMessage(Buffer.alloc(0))).toThrow(MalformedMessageError);
    expect(() => read('490000400a4e00016200000001ff')).toThrow('neither text, NULL nor unchanged');
  });
});
