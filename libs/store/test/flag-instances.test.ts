import { randomUUID } from 'node:crypto';
import { booleanFlag } from '@switchyard/flags';
import { waitFor } from '@switchyard/testkit';
import { describe, expect, test } from 'vitest';
import {
  flagUses,
  forgetInstance,
  laggards,
  maintain,
  reportInstance,
  setFlag,
  shadowReads,
  type InstanceReport,
} from '../src/index.js';
import { useStoreDatabase } from './support/database.js';

const database = useStoreDatabase();
const newName = (what: string): string => `${what}-${randomUUID()}`;
const run = { runId: 'run', workflowId: 'run' };

const set = async (key: string, percent: number): Promise<number> =>
  (await setFlag(database().knex, { key, run, definition: booleanFlag(percent), reason: 'test' })).version;
const report = (service: string, instance: string, flags: Record<string, number>, more: Partial<InstanceReport> = {}) =>
  reportInstance(database().knex, { service, instance, flags, ...more });
const behind = (key: string, version: number, services: string[], aliveWithinMs?: number) =>
  laggards(database().knex, { key, version, services, ...(aliveWithinMs === undefined ? {} : { aliveWithinMs }) });

/** Makes an instance as old as if it had been silent for this long. */
const silence = (instance: string, seconds: number) =>
  database().knex.raw(
    'update switchyard.flag_instances set seen_at = seen_at - make_interval(secs => ?::float8) where instance = ?',
    [seconds, instance],
  );

/** Whether somebody waits for the lock that keeps flips and reports apart. */
async function isWaiting(): Promise<boolean> {
  const { rows } = await database().knex.raw<{ rows: unknown[] }>(
    `select 1 from pg_locks where locktype = 'advisory' and not granted
      and database = (select oid from pg_database where datname = current_database())`,
  );
  return rows.length > 0;
}

describe('laggards', () => {
  test('names the instances that may still use a lower version, and nobody when all have acknowledged', async () => {
    const [key, service] = [newName('flag'), newName('shop')];
    const old = await set(key, 0);
    await report(service, 'a', { [key]: old });
    await report(service, 'b', { [key]: old });
    const version = await set(key, 10);
    await report(service, 'a', { [key]: version });
    expect(await behind(key, version, [service])).toEqual([
      { service, alive: 2, behind: [{ instance: 'b', version: old, seenAt: expect.stringMatching(/Z$/) }] },
    ]);
    await report(service, 'b', { [key]: version });
    expect(await behind(key, version, [service])).toEqual([]);
    expect(await behind(key, old, [service])).toEqual([]);
  });

  test('counts a service of which nothing is known, or nobody is alive, as not acknowledged', async () => {
    const [key, service, unknown] = [newName('flag'), newName('shop'), newName('nobody')];
    const version = await set(key, 10);
    await report(service, 'a', { [key]: version });
    expect(await behind(key, version, [service, unknown])).toEqual([{ service: unknown, alive: 0, behind: [] }]);
    await silence('a', 31);
    expect(await behind(key, version, [service])).toEqual([{ service, alive: 0, behind: [] }]);
  });

  test('counts an instance that never spoke of the flag as behind', async () => {
    const [key, service, instance] = [newName('flag'), newName('shop'), newName('a')];
    const version = await set(key, 10);
    await report(service, instance, {});
    expect(await behind(key, version, [service])).toMatchObject([{ behind: [{ instance, version: null }] }]);
    await report(service, instance, { [key]: version });
    await report(service, instance, {});
    expect(await behind(key, version, [service])).toMatchObject([{ behind: [{ instance, version: null }] }]);
  });

  test('waits for an instance that fell silent until it counts as gone, and always for three of its leases', async () => {
    const [key, service, stuck, slow] = [newName('flag'), newName('shop'), newName('stuck'), newName('slow')];
    const old = await set(key, 0);
    await report(service, stuck, { [key]: old });
    await report(service, slow, { [key]: old }, { leaseMs: 60_000 });
    const version = await set(key, 10);
    await report(service, 'b', { [key]: version });
    await silence(stuck, 29);
    await silence(slow, 170);
    expect(await behind(key, version, [service])).toMatchObject([
      { alive: 3, behind: [{ instance: slow }, { instance: stuck }] },
    ]);
    await silence(stuck, 2);
    expect(await behind(key, version, [service])).toMatchObject([{ alive: 2, behind: [{ instance: slow }] }]);
    await silence(slow, 20);
    expect(await behind(key, version, [service])).toEqual([]);
  });

  test('does not wait for an instance that said goodbye', async () => {
    const [key, service] = [newName('flag'), newName('shop')];
    const old = await set(key, 0);
    await report(service, 'a', { [key]: old });
    await report(service, 'b', { [key]: old });
    const version = await set(key, 10);
    await report(service, 'b', { [key]: version });
    expect(await forgetInstance(database().knex, { service, instance: 'a' })).toBe(true);
    expect(await forgetInstance(database().knex, { service, instance: 'a' })).toBe(false);
    expect(await behind(key, version, [service])).toEqual([]);
  });

  test('asks for services, because nobody at all would be nobody behind', async () => {
    await expect(behind('x', 1, [])).rejects.toMatchObject({ code: 'InvalidInput' });
  });
});

describe('reportInstance', () => {
  test('tells the versions that the flags have, and takes 0 where there is no flag', async () => {
    const [key, none, service] = [newName('flag'), newName('none'), newName('shop')];
    const old = await set(key, 0);
    await report(service, 'a', { [key]: old, [none]: 0 });
    const version = await set(key, 10);
    expect(await report(service, 'a', { [key]: old, [none]: 0 })).toEqual({
      isAccepted: true,
      versions: { [key]: version },
      behind: [],
    });
    expect((await flagUses(database().knex, { key })).map(({ service: s, version: v }) => [s, v])).toEqual([
      [service, old],
    ]);
  });

  test('refuses an instance that begins with an old version: nobody could have waited for it', async () => {
    const [key, service] = [newName('flag'), newName('shop')];
    const old = await set(key, 0);
    const version = await set(key, 10);
    const refusal = { isAccepted: false, versions: { [key]: version }, behind: [key] };
    expect(await report(service, 'late', { [key]: old })).toEqual(refusal);
    expect(await report(service, 'later', { [key]: 0 })).toEqual(refusal);
    expect(await behind(key, version, [service])).toMatchObject([{ alive: 0 }]);
    expect(await report(service, 'late', { [key]: version })).toMatchObject({ isAccepted: true });
  });

  test('refuses an instance that wakes after its lease with an old version, also when it does not count as gone', async () => {
    const [key, service, instance] = [newName('flag'), newName('shop'), newName('a')];
    const old = await set(key, 0);
    await report(service, instance, { [key]: old }, { leaseMs: 5_000 });
    const version = await set(key, 10);
    await silence(instance, 4);
    expect(await report(service, instance, { [key]: old }, { leaseMs: 5_000 })).toMatchObject({ isAccepted: true });
    await silence(instance, 6);
    expect(await report(service, instance, { [key]: old }, { leaseMs: 5_000 })).toMatchObject({ isAccepted: false });
    // It is still a named laggard: a refused report is no sign that it stopped.
    expect(await behind(key, version, [service])).toMatchObject([{ behind: [{ instance, version: old }] }]);
    expect(await report(service, instance, { [key]: version })).toMatchObject({ isAccepted: true });
    expect(await behind(key, version, [service])).toEqual([]);
  });

  test('refuses to go back behind what the instance has acknowledged', async () => {
    const [key, service] = [newName('flag'), newName('shop')];
    const old = await set(key, 0);
    await report(service, 'a', { [key]: old });
    const version = await set(key, 10);
    await report(service, 'a', { [key]: version });
    expect(await report(service, 'a', { [key]: old })).toMatchObject({ isAccepted: false, behind: [key] });
    expect(await behind(key, version, [service])).toEqual([]);
  });

  test('waits for a flip that is under way, and is then judged by it', async () => {
    const { knex } = database();
    const [key, service] = [newName('flag'), newName('shop')];
    const old = await set(key, 0);
    const { promise: answer, resolve, reject } = Promise.withResolvers<unknown>();
    await knex.transaction(async (trx) => {
      await setFlag(trx, { key, run, definition: booleanFlag(10), reason: 'test' });
      report(service, 'a', { [key]: old }).then(resolve, reject);
      await waitFor(() => isWaiting(), { what: 'the report to wait' });
    });
    expect(await answer).toMatchObject({ isAccepted: false });
  });

  test('is seen by whoever flips a flag while it is being taken', async () => {
    const { knex } = database();
    const [key, service] = [newName('flag'), newName('shop')];
    const old = await set(key, 0);
    const { promise: flipped, resolve, reject } = Promise.withResolvers<number>();
    await knex.transaction(async (trx) => {
      await reportInstance(trx, { service, instance: 'a', flags: { [key]: old } });
      set(key, 10).then(resolve, reject);
      await waitFor(() => isWaiting(), { what: 'the flip to wait' });
    });
    expect(await behind(key, await flipped, [service])).toMatchObject([{ behind: [{ instance: 'a', version: old }] }]);
  });

  test('never lets an instance in with an old version between a flip and the look for laggards', async () => {
    const [key, service] = [newName('flag'), newName('shop')];
    let version = await set(key, 0);
    for (let round = 1; round <= 20; round++) {
      const known = version;
      const instances = Array.from({ length: 4 }, (_, i) => newName(`i${round}-${i}`));
      const flipped = set(key, round);
      const [answers, seen] = await Promise.all([
        Promise.all(instances.map((instance) => report(service, instance, { [key]: known }))),
        flipped.then((now) => behind(key, now, [service])),
      ]);
      version = await flipped;
      // Whoever was let in with the old version was there to be seen after the flip.
      const admitted = instances.filter((_, i) => answers[i]?.isAccepted);
      const named = seen.flatMap((one) => one.behind.map(({ instance }) => instance));
      expect(named.filter((name) => instances.includes(name)).toSorted()).toEqual(admitted.toSorted());
      for (const instance of instances) await forgetInstance(database().knex, { service, instance });
    }
  });

  test('refuses more mismatches than comparisons', async () => {
    const wrong = report('shop', 'a', {}, { shadowReads: { f: { version: 1, compared: 1, mismatched: 2 } } });
    await expect(wrong).rejects.toMatchObject({ code: 'InvalidInput' });
  });
});

describe('shadowReads', () => {
  test('adds up instances and versions since one, keeps what gone instances saw, and never counts down', async () => {
    const { knex } = database();
    const [key, service, other] = [newName('flag'), newName('shop'), newName('other')];
    const old = await set(key, 10);
    const say = (instance: string, version: number, compared: number, mismatched = 0, of = service) =>
      report(of, instance, { [key]: version }, { shadowReads: { [key]: { version, compared, mismatched } } });
    await say('a', old, 100, 7);
    const version = await set(key, 50);
    await say('a', version, 20, 1);
    await say('a', version, 15, 0);
    await say('b', version, 5);
    await say('c', version, 99, 99, other);
    await forgetInstance(knex, { service, instance: 'a' });
    expect(await shadowReads(knex, { key, sinceVersion: version, services: [service] })).toEqual({
      compared: 25,
      mismatched: 1,
      perInstance: [
        { service, instance: 'a', compared: 20, mismatched: 1 },
        { service, instance: 'b', compared: 5, mismatched: 0 },
      ],
    });
    expect(await shadowReads(knex, { key, sinceVersion: old, services: [service] })).toMatchObject({
      compared: 125,
      mismatched: 8,
    });
    expect(await shadowReads(knex, { key, sinceVersion: version, services: [] })).toEqual({
      compared: 0,
      mismatched: 0,
      perInstance: [],
    });
  });
});

test('maintenance forgets instances that were silent for a day', async () => {
  const { knex } = database();
  const [key, instance] = [newName('flag'), newName('a')];
  await report('shop', instance, { [key]: 0 }, { leaseMs: 86_400_000 });
  await silence(instance, 90_000);
  expect(await flagUses(knex, { key })).toHaveLength(1);
  await maintain(knex);
  expect(await flagUses(knex, { key })).toEqual([]);
});
