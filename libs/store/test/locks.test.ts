import { randomUUID } from 'node:crypto';
import type { LockRequest } from '@switchyard/contracts';
import { describe, expect, test } from 'vitest';
import { waitFor } from '@switchyard/testkit';
import {
  acquireLocks,
  createLockActivities,
  forceRelease,
  heldLocks,
  listDecisions,
  listLocks,
  releaseLocks,
  waitForLocks,
  type LockOwner,
} from '../src/index.js';
import { useStoreDatabase } from './support/database.js';

const database = useStoreDatabase();
const newOwner = (workflowId = `wf-${randomUUID()}`): LockOwner => ({ workflowId, executionId: randomUUID() });
const newName = (): string => `stack:${randomUUID()}`;

const acquire = (owner: LockOwner, names: string[], isRunOpen?: (owner: LockOwner) => Promise<boolean>) =>
  acquireLocks(database().knex, { names, owner, reason: 'apply', ...(isRunOpen ? { isRunOpen } : {}) });
const held = async (owner: LockOwner) => (await heldLocks(database().knex, { owner })).map((l) => l.name);
const listed = async (name: string) => (await listLocks(database().knex)).find((l) => l.name === name);

describe('acquireLocks', () => {
  test('takes all names and tells owner, reason and since', async () => {
    const [a, b] = [newName(), newName()].toSorted() as [string, string];
    const owner = newOwner();
    const result = await acquire(owner, [b, a, b]);
    expect(result).toEqual({
      isAcquired: true,
      locks: [a, b].map((name) => ({ name, ...owner, reason: 'apply', since: expect.stringMatching(/Z$/) })),
    });
    expect(await acquire(owner, [])).toEqual({ isAcquired: true, locks: [] });
  });

  test('takes none when one is held, names the holder and lists who waits since when', async () => {
    const [a, b] = [newName(), newName()];
    const [holder, waiter] = [newOwner(), newOwner()];
    await acquire(holder, [b]);
    expect(await acquire(waiter, [a, b])).toMatchObject({ isAcquired: false, blockedBy: [{ name: b, ...holder }] });
    expect(await held(waiter)).toEqual([]);
    const first = await listed(b);
    expect(first).toMatchObject({ ...holder, waiters: [{ ...waiter, reason: 'apply' }] });
    await acquire(waiter, [a, b]);
    expect((await listed(b))?.waiters).toEqual(first?.waiters);
  });

  test('is repeated by the same owner without harm, and refuses a new execution of the same workflow id', async () => {
    const name = newName();
    const owner = newOwner('wf-same');
    await acquire(owner, [name]);
    expect(await acquire(owner, [name, newName()])).toMatchObject({ isAcquired: true });
    expect(await acquire(newOwner('wf-same'), [name])).toMatchObject({ isAcquired: false });
  });

  test('never deadlocks and never gives a name twice when many runs want overlapping names in different orders', async () => {
    const { knex } = database();
    const names = Array.from({ length: 5 }, newName);
    const holders = new Map<string, string>();
    let collisions = 0;
    await Promise.all(
      Array.from({ length: 24 }, async (_, i) => {
        const owner = newOwner();
        const wanted = [0, 1, 2].map((k) => names[(i * (k + 1) + k) % names.length] ?? '');
        const mine = await waitForLocks(knex, {
          names: i % 2 ? wanted : wanted.toReversed(),
          owner,
          reason: 'test',
          signal: AbortSignal.timeout(30_000),
          pollMs: 5,
        });
        for (const { name } of mine) {
          if (holders.has(name)) collisions++;
          holders.set(name, owner.executionId);
        }
        await new Promise((resolve) => setTimeout(resolve, 2));
        for (const { name } of mine) holders.delete(name);
        await releaseLocks(knex, { owner });
      }),
    );
    expect(collisions).toBe(0);
    expect((await listLocks(knex)).filter((l) => names.includes(l.name))).toEqual([]);
  });

  test('takes a lock away from a run that is closed, which is recorded, and never from one that is open', async () => {
    const { knex } = database();
    const [a, b, c] = [newName(), newName(), newName()];
    const [dead, alive, next] = [newOwner(), newOwner(), newOwner()];
    await acquire(dead, [a, b]);
    await acquire(alive, [c]);
    const isRunOpen = (owner: LockOwner): Promise<boolean> => Promise.resolve(owner.executionId !== dead.executionId);
    expect(await acquire(next, [a, b, c], isRunOpen)).toMatchObject({
      isAcquired: false,
      blockedBy: [{ name: c, ...alive }],
    });
    expect(await acquire(next, [a, b], isRunOpen)).toMatchObject({ isAcquired: true });
    expect(await listDecisions(knex, { subject: `lock:${a}` })).toMatchObject([
      { decision: 'release-stale', by: 'switchyard', runId: dead.workflowId, data: { owner: dead } },
    ]);
    expect(await held(alive)).toEqual([c]);
  });

  test('takes nothing away when it cannot be told whether the run is open', async () => {
    const name = newName();
    const holder = newOwner();
    await acquire(holder, [name]);
    const isRunOpen = (): Promise<boolean> => Promise.reject(new Error('no answer'));
    await expect(acquire(newOwner(), [name], isRunOpen)).rejects.toThrow('no answer');
    expect(await held(holder)).toEqual([name]);
  });

  test('gives a stale lock to exactly one of many that find it', async () => {
    const name = newName();
    const dead = newOwner();
    await acquire(dead, [name]);
    const isRunOpen = (owner: LockOwner): Promise<boolean> => Promise.resolve(owner.executionId !== dead.executionId);
    const results = await Promise.all(Array.from({ length: 10 }, () => acquire(newOwner(), [name], isRunOpen)));
    expect(results.filter((r) => r.isAcquired)).toHaveLength(1);
    expect(await listDecisions(database().knex, { subject: `lock:${name}` })).toHaveLength(1);
  });
});

describe('waitForLocks', () => {
  test('gets the locks as soon as the holder gives them back, and is listed no more', async () => {
    const { knex } = database();
    const name = newName();
    const [holder, waiter] = [newOwner(), newOwner()];
    await acquire(holder, [name]);
    const blocked: string[] = [];
    const waiting = waitForLocks(knex, {
      names: [name],
      owner: waiter,
      reason: 'later',
      signal: new AbortController().signal,
      pollMs: 10,
      onBlocked: (by) => blocked.push(by[0]?.workflowId ?? ''),
    });
    await waitFor(async () => (await listed(name))?.waiters.length === 1, { what: 'the waiter to be listed' });
    await releaseLocks(knex, { owner: holder });
    expect(await waiting).toMatchObject([{ name, ...waiter }]);
    expect(blocked[0]).toBe(holder.workflowId);
    expect(await listed(name)).toMatchObject({ waiters: [] });
  });

  test('ends with the holder in its message after the time-out, and waits no more', async () => {
    const { knex } = database();
    const name = newName();
    const holder = newOwner();
    await acquire(holder, [name]);
    const waiting = waitForLocks(knex, {
      names: [name],
      owner: newOwner(),
      reason: 'later',
      signal: new AbortController().signal,
      timeoutMs: 20,
      pollMs: 5,
    });
    await expect(waiting).rejects.toMatchObject({
      code: 'LockUnavailable',
      message: expect.stringContaining(holder.workflowId),
      details: { blockedBy: [{ name, ...holder }] },
    });
    expect((await listed(name))?.waiters).toEqual([]);
  });

  test('ends when its signal aborts, and waits no more', async () => {
    const { knex } = database();
    const name = newName();
    await acquire(newOwner(), [name]);
    const abort = new AbortController();
    const waiting = waitForLocks(knex, { names: [name], owner: newOwner(), reason: 'later', signal: abort.signal });
    setTimeout(() => abort.abort(), 30);
    await expect(waiting).rejects.toMatchObject({ code: 'Cancelled' });
    expect((await listed(name))?.waiters).toEqual([]);
  });
});

describe('releaseLocks and forceRelease', () => {
  test('give back some or all locks of the owner, and none of another', async () => {
    const { knex } = database();
    const [a, b, c] = [newName(), newName(), newName()];
    const [owner, other] = [newOwner(), newOwner()];
    await acquire(owner, [a, b]);
    await acquire(other, [c]);
    expect(await releaseLocks(knex, { owner, names: [a, c] })).toEqual([a]);
    expect(await releaseLocks(knex, { owner })).toEqual([b]);
    expect(await releaseLocks(knex, { owner })).toEqual([]);
    expect(await held(other)).toEqual([c]);
  });

  test('a forced release is kept in the audit with who, why and from whom', async () => {
    const { knex } = database();
    const name = newName();
    const owner = newOwner();
    await acquire(owner, [name]);
    const taken = await forceRelease(knex, { name, by: 'ann', reason: 'its worker burnt down' });
    expect(taken).toMatchObject({ name, ...owner });
    expect(await held(owner)).toEqual([]);
    expect(await listDecisions(knex, { subject: `lock:${name}` })).toMatchObject([
      {
        decision: 'force-release',
        by: 'ann',
        channel: 'cli',
        reason: 'its worker burnt down',
        runId: owner.workflowId,
        data: { owner },
      },
    ]);
    expect(await acquire(newOwner(), [name])).toMatchObject({ isAcquired: true });
  });

  test('a forced release takes the lock from the owner that was looked at, and from nobody else', async () => {
    const { knex } = database();
    const name = newName();
    const [before, now] = [newOwner(), newOwner()];
    await acquire(now, [name]);
    await expect(forceRelease(knex, { name, by: 'ann', reason: 'x', from: before })).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining(`${before.workflowId} holds lock "${name}" no more`),
    });
    expect(await held(now)).toEqual([name]);
    expect(await forceRelease(knex, { name, by: 'ann', reason: 'x', from: now })).toMatchObject(now);
  });

  test('a forced release needs a lock and a reason', async () => {
    const { knex } = database();
    const name = newName();
    await expect(forceRelease(knex, { name, by: 'ann', reason: 'x' })).rejects.toMatchObject({ code: 'NotFound' });
    await acquire(newOwner(), [name]);
    await expect(forceRelease(knex, { name, by: 'ann', reason: ' ' })).rejects.toMatchObject({ code: 'InvalidInput' });
    expect(await listDecisions(knex, { subject: `lock:${name}` })).toEqual([]);
  });
});

describe('the activities of locks', () => {
  const isRunOpen = (): Promise<boolean> => Promise.resolve(true);
  const refOf = (owner: LockOwner) => ({ ...owner, runId: owner.workflowId });

  test('answer a run once, and again only when the lock is its own or others hold it', async () => {
    const activities = createLockActivities(database().knex, { isRunOpen });
    const [one, two, three] = [newOwner(), newOwner(), newOwner()];
    const names = [newName(), newName()].toSorted();
    const take = (owner: LockOwner, seen: LockRequest['seen']) =>
      activities.takeLocks({ ref: refOf(owner), names, reason: 'a test', above: [], seen });
    expect(await take(one, null)).toEqual({ isTaken: true });
    const first = await take(two, null);
    if (first.isTaken) throw new Error('two runs hold one lock');
    expect(first.holders).toMatchObject(names.map((name) => ({ name, ...one, reason: 'a test' })));
    await expect(take(two, first.holders)).rejects.toMatchObject({
      code: 'LockUnavailable',
      retryable: true,
      message: expect.stringContaining(`"${names[0]}" is held by ${one.workflowId} since `),
    });
    await activities.returnLocks({ ref: refOf(one), names });
    expect(await take(three, null)).toEqual({ isTaken: true });
    const second = await take(two, first.holders);
    expect(second).toMatchObject({ isTaken: false, holders: names.map((name) => ({ name, ...three })) });
    await activities.returnLocks({ ref: refOf(three), names });
    expect(await take(two, second.isTaken ? null : second.holders)).toEqual({ isTaken: true });
    await activities.returnLocks({ ref: refOf(two), names });
    await activities.returnLocks({ ref: refOf(two), names });
    expect(await Promise.all(names.map(listed))).toEqual([undefined, undefined]);
  });

  test('count what the runs above hold, and leave it to them', async () => {
    const activities = createLockActivities(database().knex, { isRunOpen });
    const [above, below] = [newOwner(), newOwner()];
    const [theirs, own] = [newName(), newName()];
    await acquire(above, [theirs]);
    const request = { ref: refOf(below), names: [theirs, own], reason: 'a part', seen: null };
    expect(await activities.takeLocks({ ...request, above: [] })).toMatchObject({ isTaken: false });
    expect(await activities.takeLocks({ ...request, above: [above.executionId] })).toEqual({ isTaken: true });
    expect([await held(above), await held(below)]).toEqual([[theirs], [own]]);
    await activities.returnLocks({ ref: refOf(below), names: [theirs, own] });
    expect([await held(above), await held(below)]).toEqual([[theirs], []]);
  });
});
