import { beforeAll, expect, test } from 'vitest';
import {
  controlRows,
  ensureControl,
  FencedOff,
  hasControl,
  passBarrier,
  removeControl,
  STREAM_WRITER,
  takeClaim,
  writeFenced,
  type ChangeSession,
} from '../src/index.js';
import { SHAPE, sql, useDatabase } from './support.js';

const { open } = useDatabase();
const LIMITS = { lockTimeoutMs: 1_000, statementTimeoutMs: 5_000 };
const stream = { change: SHAPE.id, writer: STREAM_WRITER };

beforeAll(() =>
  open(async (session) => {
    await session.run(sql('create table users (id bigint primary key, name text, upper_name text)'));
    await session.run(sql(`insert into users values (1, 'ada')`));
    await Promise.all([ensureControl(session), open(ensureControl)]);
  }),
);

const write = (session: ChangeSession, claim: Parameters<typeof writeFenced>[1]['claim'], value: string) =>
  writeFenced(session, { shape: SHAPE, claim, limits: LIMITS }, async () => {
    const { count } = await session.run({ text: 'update users set upper_name = $1', values: [value] });
    return { advance: { rows: count, progress: JSON.stringify({ value }), lsn: null }, result: count };
  });
const stored = async ({ run }: ChangeSession): Promise<unknown> =>
  (await run(sql('select upper_name from users'))).rows[0];

test('rows and progress are written together, and by the newest claim alone', async () => {
  await open(async (session) => {
    const old = await takeClaim(session, stream);
    expect(await write(session, old.claim, 'first')).toBe(1);
    const next = await takeClaim(session, stream);
    expect(next).toMatchObject({ progress: { value: 'first' }, rowsWritten: 1 });
    await expect(write(session, old.claim, 'zombie')).rejects.toBeInstanceOf(FencedOff);
    expect(await stored(session)).toEqual({ upper_name: 'first' });
    await write(session, next.claim, 'second');
    expect(await stored(session)).toEqual({ upper_name: 'second' });
  });
});

test('work that fails leaves neither rows nor progress', async () => {
  await open(async (session) => {
    const { claim } = await takeClaim(session, stream);
    const torn = writeFenced(session, { shape: SHAPE, claim, limits: LIMITS }, async () => {
      await session.run(sql(`update users set upper_name = 'torn'`));
      throw new Error('the disk is full');
    });
    await expect(torn).rejects.toThrow('the disk is full');
    expect(await stored(session)).toEqual({ upper_name: 'second' });
    expect((await controlRows(session, SHAPE.id))[0]?.progress).toEqual({ value: 'second' });
  });
});

test('a barrier is passed when a writer in that mode has applied past it, and not before', async () => {
  await open(async (session) => {
    const { claim } = await takeClaim(session, stream);
    const forward = { direction: 'forward', relation: 'derived' } as const;
    const reach = async (lsn: string, mode: object): Promise<unknown> =>
      writeFenced(session, { shape: SHAPE, claim, limits: LIMITS }, async () => ({
        advance: { rows: 0, progress: JSON.stringify({ mode, epoch: claim.epoch }), lsn },
        result: null,
      }));
    const barrier = (withinMs: number, signal = new AbortController().signal) =>
      open((other) => passBarrier(other, { change: SHAPE.id, messagePrefix: 'p', mode: forward, withinMs, signal }));
    await expect(barrier(150)).rejects.toMatchObject({
      code: 'GateFailed',
      message: expect.stringContaining('nothing yet'),
    });

    await reach('FFFFFFFF/0', { direction: 'reverse', relation: 'consistent' });
    await expect(barrier(150)).rejects.toMatchObject({ code: 'GateFailed' });
    await reach('FFFFFFFF/0', forward);
    expect(await barrier(1_000)).toMatchObject({ lsn: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/) });

    // The successor has not written yet: what its predecessor reached proves nothing about it.
    await takeClaim(session, stream);
    await expect(barrier(150)).rejects.toMatchObject({ code: 'GateFailed' });
    await expect(barrier(60_000, AbortSignal.timeout(50))).rejects.toMatchObject({ name: 'AbortError' });
  });
});

test('the control tables go with the last change', async () => {
  await open(async (session) => {
    await takeClaim(session, { change: 'other', writer: 'backfill' });
    await removeControl(session, SHAPE.id);
    expect(await controlRows(session, SHAPE.id)).toEqual([]);
    expect(await hasControl(session)).toBe(true);
    await removeControl(session, 'other');
    expect(await hasControl(session)).toBe(false);
    await removeControl(session, 'other');
    expect(await controlRows(session, 'other')).toEqual([]);
  });
});
