import { describe, expect, test } from 'vitest';
import { dataFrame, encodeMessage, keepAliveFrame } from '../../test/support/encode.js';
import type { PgoutputMessage, Relation } from '../decode/messages.js';
import type { StreamEvent } from '../events/stream-event.js';
import type { Delivery } from './delivery-queue.js';
import { Intake } from './intake.js';

const TABLE: Relation = {
  id: 1,
  schema: 'public',
  name: 't',
  identity: 'default',
  columns: [{ name: 'id', isKey: true, typeOid: 23, typeModifier: -1 }],
};
const relation = { kind: 'relation', relation: TABLE } as const;
const begin = { kind: 'begin', commitLsn: 10n, committedAt: 0, xid: 7 } as const;
const insert = { kind: 'insert', relationId: 1, row: ['1'] } as const;
const commit = { kind: 'commit', commitLsn: 10n, endLsn: 12n, committedAt: 0 } as const;

function intake(): {
  take: (...messages: PgoutputMessage[]) => void;
  raw: Intake;
  deliveries: Delivery[];
  log: unknown[];
} {
  const deliveries: Delivery[] = [];
  const log: unknown[] = [];
  const raw = new Intake(
    {
      deliver: (delivery) => {
        deliveries.push(delivery);
        log.push(...delivery.events.map(({ kind }) => kind));
      },
      room: () => undefined,
      isOver: () => false,
      committed: (endLsn) => log.push(endLsn),
      keepAlive: ({ walEnd }, isQuiet) => log.push(['keep-alive', walEnd, isQuiet]),
    },
    undefined,
  );
  return {
    take: (...messages) => void raw.read(messages.map((each) => dataFrame(encodeMessage(each)))),
    raw,
    deliveries,
    log,
  };
}

describe('what one read of the socket brought', () => {
  test('is one delivery, with the position that it can be acknowledged at', () => {
    const { take, deliveries } = intake();
    take(relation, begin, insert);
    take(commit, begin, insert, commit);
    expect(deliveries.map(({ events }) => events.map(({ kind }: StreamEvent) => kind))).toEqual([
      ['begin', 'insert'],
      ['commit', 'begin', 'insert', 'commit'],
    ]);
    expect(deliveries.map(({ endLsn }) => endLsn)).toEqual([undefined, 12n]);
  });

  test('is given before a keep-alive that came after it, which knows whether a transaction is under way', () => {
    const { raw, log } = intake();
    const frames = [relation, begin, insert].map((each) => dataFrame(encodeMessage(each)));
    void raw.read([...frames, keepAliveFrame(20n), dataFrame(encodeMessage(commit)), keepAliveFrame(30n)]);
    expect(log).toEqual(['begin', 'insert', ['keep-alive', 20n, false], 12n, 'commit', ['keep-alive', 30n, true]]);
  });
});

describe('an order that the protocol does not have', () => {
  test.each<[string, PgoutputMessage[], string]>([
    ['a row outside of a transaction', [relation, insert], 'no transaction is open'],
    ['a table that was not described', [begin, insert], 'table 1 was not described before'],
    [
      'a row of another width',
      [relation, begin, { ...insert, row: ['1', '2'] }],
      'a row of public.t has not its 1 columns',
    ],
    ['a begin within a transaction', [begin, begin], 'another transaction is open'],
    ['a commit of nothing', [commit], 'no transaction is open'],
    ['a streamed block that was not asked for', [{ kind: 'streamStart', xid: 1, isFirst: true }], 'was not asked for'],
  ])('such as %s is refused', (_case, messages, problem) => {
    expect(() => intake().take(...messages)).toThrow(problem);
  });

  test('such as a frame that is neither data nor a keep-alive is refused', () => {
    const { raw } = intake();
    expect(() => raw.read([Buffer.from('x')])).toThrow('neither data nor a keep-alive');
    expect(() => raw.read([Buffer.alloc(0)])).toThrow('neither data nor a keep-alive');
    expect(() => raw.read([Buffer.from('w')])).toThrow('neither data nor a keep-alive');
  });
});
