import { randomUUID } from 'node:crypto';
import { booleanFlag, flagDefinitionSchema, writeFlag } from '@switchyard/flags';
import { waitFor } from '@switchyard/testkit';
import { describe, expect, test } from 'vitest';
import {
  createFlagListener,
  listDecisions,
  readFlag,
  readFlags,
  removeFlag,
  reportInstance,
  setFlag,
  type FlagRun,
  type SetFlagOptions,
} from '../src/index.js';
import { useStoreDatabase } from './support/database.js';

const database = useStoreDatabase();
const newKey = (): string => `flag-${randomUUID()}`;
const newRun = (): FlagRun => {
  const runId = `run-${randomUUID()}`;
  return { runId, workflowId: `${runId}/switch` };
};
const set = (key: string, run: FlagRun, more: Partial<SetFlagOptions> = {}) =>
  setFlag(database().knex, { key, run, definition: booleanFlag(10), reason: 'reads move', ...more });
const decisionsAbout = (key: string) => listDecisions(database().knex, { subject: `flag:${key}` });

describe('setFlag', () => {
  test('makes a flag that can be read as it was set, and records who did it and why', async () => {
    const { knex } = database();
    const key = newKey();
    const run = newRun();
    const definition = flagDefinitionSchema.parse({
      ...booleanFlag(12.5),
      rules: [{ attribute: 'country', in: ['de', 7, true], variant: 'on' }],
    });
    const { version, isChanged } = await set(key, run, { definition });
    expect(isChanged).toBe(true);
    const flag = { key, definition, version, owner: run.runId, reason: 'reads move', updatedAt: expect.any(String) };
    expect(await readFlag(knex, key)).toEqual(flag);
    expect(await readFlags(knex)).toContainEqual(flag);
    expect(await decisionsAbout(key)).toMatchObject([
      { decision: 'set', ...run, by: 'switchyard', reason: 'reads move', data: { version, definition, before: null } },
    ]);
  });

  test('raises the version with each change, keeps it where nothing changes, and records only changes', async () => {
    const key = newKey();
    const run = newRun();
    const first = await set(key, run);
    expect(await set(key, run)).toEqual({ key, version: first.version, isChanged: false });
    const second = await set(key, run, { definition: booleanFlag(50) });
    expect(second.version).toBeGreaterThan(first.version);
    expect(await decisionsAbout(key)).toMatchObject([
      { data: { version: first.version } },
      { data: { version: second.version, before: { version: first.version } } },
    ]);
  });

  test('changes nothing for a call that expects another version, and lets one pass whose answer was lost', async () => {
    const key = newKey();
    const run = newRun();
    const first = await set(key, run, { expectedVersion: 0 });
    const wanted = { definition: booleanFlag(50), expectedVersion: first.version };
    const second = await set(key, run, wanted);
    expect(await set(key, run, wanted)).toEqual({ ...second, isChanged: false });
    const late = set(key, run, { definition: booleanFlag(10), expectedVersion: first.version });
    await expect(late).rejects.toMatchObject({
      code: 'PreflightRefused',
      details: { expected: first.version, version: second.version },
    });
    expect(await readFlag(database().knex, key)).toMatchObject({ definition: booleanFlag(50) });
  });

  test('refuses a flag of another run, and takes it over when that run is closed', async () => {
    const key = newKey();
    const [owner, other] = [newRun(), newRun()];
    const { version } = await set(key, owner);
    const asked: string[] = [];
    const says = (isOpen: boolean) => (runId: string) => {
      asked.push(runId);
      return Promise.resolve(isOpen);
    };
    const refusal = { code: 'LockUnavailable', details: { key, owner: owner.runId } };
    await expect(set(key, other, { definition: booleanFlag(50) })).rejects.toMatchObject(refusal);
    await expect(set(key, other, { isRunOpen: says(true) })).rejects.toMatchObject(refusal);
    const unsure = set(key, other, { isRunOpen: () => Promise.reject(new Error('no answer')) });
    await expect(unsure).rejects.toThrow('no answer');
    // The same value: the run takes the flag over, and nobody has to acknowledge anything anew.
    expect(await set(key, other, { isRunOpen: says(false) })).toEqual({ key, version, isChanged: false });
    expect(asked).toEqual([owner.runId, owner.runId]);
    await expect(set(key, owner, { definition: booleanFlag(50) })).rejects.toMatchObject({ code: 'LockUnavailable' });
    expect(await set(key, other, { definition: booleanFlag(50) })).toMatchObject({ isChanged: true });
  });

  test('gives every version once when many set flags at the same time', async () => {
    const run = newRun();
    const shared = newKey();
    const results = await Promise.all([
      ...Array.from({ length: 10 }, () => set(newKey(), run)),
      ...Array.from({ length: 10 }, (_, i) => set(shared, run, { definition: booleanFlag(i) })),
    ]);
    const versions = results.map(({ version }) => version);
    expect(new Set(versions).size).toBe(versions.length);
    expect((await readFlag(database().knex, shared))?.version).toBe(Math.max(...versions.slice(10)));
  });

  test('refuses what is no flag, by name', async () => {
    const run = newRun();
    await expect(set('a/b', run)).rejects.toMatchObject({ code: 'InvalidInput' });
    const broken = { ...writeFlag('old'), defaultVariant: 'neither' };
    await expect(set(newKey(), run, { definition: broken })).rejects.toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('"neither" is no variant'),
    });
  });

  test('wakes those who listen, when it changed something', async () => {
    const { knex } = database();
    const key = newKey();
    const listener = createFlagListener(knex);
    const heard: string[] = [];
    const stop = listener.subscribe(key, () => heard.push('one'));
    const stopAll = listener.subscribe(undefined, () => heard.push('any'));
    await waitFor(() => listener.isListening, { what: 'the listener' });
    heard.length = 0;
    await set(key, newRun());
    await waitFor(() => heard.length === 2, { what: 'both to be woken' });
    expect(heard).toEqual(['one', 'any']);
    stop();
    stopAll();
    await listener.close();
  });
});

describe('removeFlag', () => {
  const remove = (key: string, run: FlagRun, aliveWithinMs?: number) =>
    removeFlag(database().knex, {
      key,
      run,
      reason: 'done',
      ...(aliveWithinMs === undefined ? {} : { aliveWithinMs }),
    });

  test('removes a flag once, records it, and a flag made again gets a version of its own', async () => {
    const key = newKey();
    const run = newRun();
    const first = await set(key, run);
    expect(await remove(key, run)).toBe(true);
    expect(await remove(key, run)).toBe(false);
    expect(await readFlag(database().knex, key)).toBeUndefined();
    expect(await decisionsAbout(key)).toMatchObject([{ decision: 'set' }, { decision: 'remove', reason: 'done' }]);
    expect((await set(key, run, { expectedVersion: 0 })).version).toBeGreaterThan(first.version);
  });

  test('refuses a flag of another run, and one that an instance still asks for, and names it', async () => {
    const { knex } = database();
    const key = newKey();
    const run = newRun();
    const { version } = await set(key, run);
    await expect(remove(key, newRun())).rejects.toMatchObject({ code: 'LockUnavailable' });
    await reportInstance(knex, { service: 'shop', instance: 'shop-1', leaseMs: 1, flags: { [key]: version } });
    await expect(remove(key, run)).rejects.toMatchObject({
      code: 'PreflightRefused',
      message: expect.stringContaining('shop shop-1'),
    });
    // Gone for longer than three of its leases.
    await waitFor(() => remove(key, run, 1), { what: 'the instance to be gone' });
  });
});
