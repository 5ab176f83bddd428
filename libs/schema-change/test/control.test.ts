import { describe, expect, test } from 'vitest';
import {
  advance,
  claimWriter,
  countParked,
  controlExists,
  controlInUse,
  createControlSchema,
  createControlTable,
  createParkedTable,
  deleteControl,
  deleteParked,
  dropControlSchema,
  dropControlTable,
  dropParkedTable,
  fence,
  hasPassed,
  lockControl,
  park,
  readControl,
  readParked,
  resetWriter,
  unpark,
  type Claim,
} from '../src/index.js';
import { useDatabase, type Session } from './support/database.js';

const database = useDatabase();

const make = async ({ run }: Session): Promise<void> => {
  await run('begin');
  await run(lockControl());
  await run(createControlSchema());
  await run(createControlTable());
  await run('commit');
};
const claim = async ({ run }: Session, change: string, writer: string): Promise<Claim> => {
  const [row] = await run(claimWriter({ change, writer }));
  return { change, writer, epoch: String(row?.['epoch']) };
};

describe('the control table', () => {
  test('can be made by two runs at once', async () => {
    const { session, open } = database();
    const sessions = [session, await open(), await open()];
    await Promise.all(sessions.map(make));
    expect(await session.run(controlExists())).toEqual([{ there: true }]);
  });

  test('a writer that was replaced neither passes the fence nor advances', async () => {
    const { session, open } = database();
    await make(session);
    const old = await claim(session, 'c', 'stream');
    expect(await session.run(fence(old))).toMatchObject([{ writer: 'stream', mine: true }]);
    expect(await session.count(advance(old, { rows: 5, progress: '{"page":3}', lsn: '0/20' }))).toBe(1);

    const successor = await open();
    const mine = await claim(successor, 'c', 'stream');
    expect(mine.epoch).toBe('2');
    expect(await session.run(fence(old))).toMatchObject([{ mine: false }]);
    expect(await session.count(advance(old, { rows: 1, progress: null, lsn: null }))).toBe(0);
    // The position never goes back, and what is not given stays.
    expect(await successor.count(advance(mine, { rows: 2, progress: null, lsn: '0/10' }))).toBe(1);
    expect(await session.run(readControl('c'))).toMatchObject([
      { writer: 'stream', epoch: '2', lsn: '0/20', progress: { page: 3 }, rows_written: '7' },
    ]);
  });

  test('a writer that held the fence when it was replaced loses at its next statement', async () => {
    const { session, open } = database();
    await make(session);
    const old = await claim(session, 'd', 'backfill');
    await session.run('begin');
    await session.run(fence(old));
    const successor = await open();
    const taking = claim(successor, 'd', 'backfill');
    // The successor waits until the chunk is over: what was fenced is finished, not torn.
    expect(await session.count(advance(old, { rows: 1, progress: null, lsn: null }))).toBe(1);
    await session.run('commit');
    expect((await taking).epoch).toBe('2');
    expect(await session.count(advance(old, { rows: 1, progress: null, lsn: null }))).toBe(0);
  });

  test('a writer that is reset forgets its position, and nobody of before may go on', async () => {
    const { session } = database();
    await make(session);
    const old = await claim(session, 'r', 'stream');
    await session.run(advance(old, { rows: 1, progress: '{"a":1}', lsn: 'A/0' }));
    expect(await session.run(hasPassed(old, '9/FF'))).toMatchObject([{ passed: true, applied: 'A/0' }]);
    expect(await session.run(hasPassed(old, 'A/0'))).toMatchObject([{ passed: false }]);
    await session.run(resetWriter(old));
    expect(await session.run(hasPassed(old, '0/1'))).toEqual([
      { passed: false, applied: null, epoch: '2', progress: {} },
    ]);
    expect(await session.count(advance(old, { rows: 1, progress: null, lsn: null }))).toBe(0);
    await session.run(deleteControl('r'));
  });

  test('a backfill that also locks the stream keeps it out until its commit', async () => {
    const { session, open } = database();
    await make(session);
    const backfill = await claim(session, 'e', 'backfill');
    const stream = await claim(session, 'e', 'stream');
    await session.run('begin');
    expect(await session.run(fence(backfill, ['stream']))).toMatchObject([
      { writer: 'backfill', mine: true },
      { writer: 'stream', mine: false },
    ]);
    const other = await open();
    await other.run(`set lock_timeout = '50ms'`);
    await expect(other.run(fence(stream))).rejects.toMatchObject({ code: '55P03' });
    await session.run('commit');
    expect(await other.run(fence(stream))).toMatchObject([{ mine: true }]);
  });

  test('parked keys carry their reason and attempts, and leave one by one', async () => {
    const { session } = database();
    await make(session);
    await session.run(createParkedTable());
    const parking = { key: ["o'dd", '1'], code: '22P02', reason: 'the database refused a value' };
    await session.run(park('c', parking));
    await session.run(park('c', parking));
    await session.run(park('c', { ...parking, key: ['a', '2'] }));
    await session.run(park('d', parking));
    expect(await session.run(countParked('c'))).toEqual([{ parked: 2 }]);
    expect((await session.run(readParked('c', 10))).map(({ key, attempts }) => [key, attempts])).toEqual([
      [["o'dd", '1'], 2],
      [['a', '2'], 1],
    ]);
    await session.run(
      unpark('c', [
        ["o'dd", '1'],
        ['never', '3'],
      ]),
    );
    expect(await session.run(countParked('c'))).toEqual([{ parked: 1 }]);
    await session.run(deleteParked('c'));
    expect(await session.run(countParked('c'))).toEqual([{ parked: 0 }]);
    expect(await session.run(countParked('d'))).toEqual([{ parked: 1 }]);
    await session.run(deleteParked('d'));
  });

  test('goes when no change uses it any more', async () => {
    const { session } = database();
    for (const change of ['c', 'd']) await session.run(deleteControl(change));
    expect(await session.run(controlInUse())).toEqual([{ in_use: true }]);
    await session.run(deleteControl('e'));
    expect(await session.run(controlInUse())).toEqual([{ in_use: false }]);
    await session.run(dropParkedTable());
    await session.run(dropControlTable());
    await session.run(dropControlSchema());
    expect(await session.run(controlExists())).toEqual([{ there: false }]);
  });
});
