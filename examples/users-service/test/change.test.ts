import { setTimeout as sleep } from 'node:timers/promises';
import { shadowReads } from '@switchyard/store';
import { describe, expect, it } from 'vitest';
import { READ_FLAG, WRITE_FLAG } from '../src/flags/flags.js';
import { runLoad } from '../src/load.js';
import { Mender } from './mender.js';
import { openWorld } from './world.js';

/** Requests in each step of the change. */
const STEP_MS = 1_500;

describe('a change of the schema under load', () => {
  it('from the old column to the new ones fails no request and loses no write', { timeout: 180_000 }, async () => {
    await using world = await openWorld({ lease: '10s' });
    const { users, store } = world;
    const replicas = [await world.startReplica(), await world.startReplica()];
    const stop = new AbortController();
    const load = runLoad({ urls: replicas.map(({ url }) => url), signal: stop.signal, rate: 40 });
    const mender = new Mender(users);
    try {
      await sleep(STEP_MS);
      await mender.expand();
      for (const percent of [0, 10, 50, 100]) {
        const version = await world.setReads(percent);
        await world.acknowledged(READ_FLAG, version);
        await sleep(STEP_MS);
        const seen = await shadowReads(store, { key: READ_FLAG, sinceVersion: version, services: ['users-service'] });
        expect(seen.mismatched).toBe(0);
        if (percent > 0) expect(seen.compared).toBeGreaterThan(0);
      }
      for (const mode of ['old', 'both', 'new'] as const) {
        if (mode === 'new') await mender.turnRound();
        await world.acknowledged(WRITE_FLAG, await world.setWrites(mode));
        await sleep(STEP_MS);
      }
      await mender.stop();
      await users.query('alter table public.users drop column name');
      await sleep(STEP_MS);
    } finally {
      stop.abort();
      await mender.stop();
    }
    const report = await load;
    expect(report).toMatchObject({ failures: {}, mismatches: [], failed: 0, mismatched: 0 });
    expect(report.served).toBeGreaterThan(300);
    expect(Object.keys(report.operations).toSorted()).toEqual(['create', 'delete', 'email', 'read', 'rename']);
    for (const replica of replicas) expect(await replica.stop()).toBe(0);
  });

  it('back from dual writes to the old column fails no request either', { timeout: 120_000 }, async () => {
    await using world = await openWorld({ lease: '10s' });
    const replicas = [await world.startReplica(), await world.startReplica()];
    const mender = new Mender(world.users);
    await mender.expand();
    const stop = new AbortController();
    const load = runLoad({ urls: replicas.map(({ url }) => url), signal: stop.signal, rate: 40 });
    try {
      await world.acknowledged(READ_FLAG, await world.setReads(100));
      await world.acknowledged(WRITE_FLAG, await world.setWrites('both'));
      await sleep(STEP_MS);
      await world.acknowledged(WRITE_FLAG, await world.setWrites('old'));
      await world.acknowledged(READ_FLAG, await world.setReads(0));
      await mender.stop();
      await world.users.query('alter table public.users drop column first_name, drop column last_name');
      await sleep(STEP_MS);
    } finally {
      stop.abort();
      await mender.stop();
    }
    expect(await load).toMatchObject({ failures: {}, mismatches: [], failed: 0, mismatched: 0 });
  });
});
