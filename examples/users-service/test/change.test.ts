import { setTimeout as sleep } from 'node:timers/promises';
import type { WriteVariant } from '@switchyard/flags';
import { shadowReads } from '@switchyard/store';
import { waitFor } from '@switchyard/testkit';
import { describe, expect, it } from 'vitest';
import { READ_FLAG, WRITE_FLAG } from '../src/flags/flags.js';
import { runLoad, type LoadReport } from '../src/load.js';
import { abandon, catchUp, contract, expand, expandAlone, relax } from './expand.js';
import { openWorld, type Replica, type World } from './world.js';

/** No lease ends in these tests, however slow the machine is. */
const LEASE = '30s';
/** Requests in each step of the change. */
const STEP_MS = 1_500;

/** Runs a load over two replicas while something happens. */
async function underLoad(world: World, change: () => Promise<void>): Promise<LoadReport> {
  const replicas = [await world.startReplica(), await world.startReplica()];
  const stop = new AbortController();
  const load = runLoad({ urls: replicas.map(({ url }) => url), signal: stop.signal, rate: 40, timeoutMs: 60_000 });
  try {
    await change();
    await sleep(STEP_MS);
  } finally {
    stop.abort();
  }
  const report = await load;
  expect(report.firstFailures, said(replicas)).toEqual([]);
  expect(report).toMatchObject({ failed: 0, mismatched: 0, mismatches: [] });
  for (const replica of replicas) expect(await replica.stop()).toBe(0);
  return report;
}

const said = (replicas: readonly Replica[]): string => replicas.map((replica) => replica.output()).join('\n');

describe('a change of the schema under load', () => {
  it('from the old column to the new ones fails no request and loses no write', { timeout: 180_000 }, async () => {
    await using world = await openWorld({ lease: LEASE });
    const { users, store } = world;
    const report = await underLoad(world, async () => {
      await sleep(STEP_MS);
      await expand(users);
      for (const percent of [0, 10, 50, 100]) {
        const version = await world.setReads(percent);
        await world.acknowledged(READ_FLAG, version);
        const seen = await waitFor(
          async () => {
            const sum = await shadowReads(store, {
              key: READ_FLAG,
              sinceVersion: version,
              services: ['users-service'],
            });
            return percent === 0 || sum.compared > 0 ? sum : undefined;
          },
          { what: 'reads of both shapes', timeoutMs: 30_000 },
        );
        expect(seen.mismatched).toBe(0);
      }
      for (const variant of ['old', 'both', 'both-prefer-new', 'new'] as const) {
        if (variant === 'new') await relax(users);
        await world.acknowledged(WRITE_FLAG, await world.setWrites(variant));
        await sleep(STEP_MS);
      }
      await contract(users);
    });
    expect(report.served).toBeGreaterThan(200);
    expect(Object.keys(report.operations).toSorted()).toEqual(['create', 'delete', 'email', 'read', 'rename']);
  });

  it('gives every reader what was written last, however far the stream lags behind', { timeout: 180_000 }, async () => {
    await using world = await openWorld({ lease: LEASE });
    const { users } = world;
    const flip = async (variant: WriteVariant) => {
      await world.acknowledged(WRITE_FLAG, await world.setWrites(variant));
      await sleep(STEP_MS);
    };
    const report = await underLoad(world, async () => {
      await expandAlone(users);
      await world.acknowledged(READ_FLAG, await world.setReads(100));
      await flip('old');
      // Between two flips the stream catches up once; at a flip, while replicas write by both settings, it does nothing.
      for (const variant of ['both', 'both-prefer-new'] as const) {
        await flip(variant);
        await catchUp(users, 'forward');
      }
      await relax(users);
      await flip('new');
      await catchUp(users, 'reverse');
      await flip('both-prefer-new');
      await catchUp(users, 'reverse');
      await world.acknowledged(READ_FLAG, await world.setReads(0));
      await flip('old');
    });
    expect(report.served).toBeGreaterThan(200);
  });

  it('back from dual writes to the old column fails no request either', { timeout: 120_000 }, async () => {
    await using world = await openWorld({ lease: LEASE });
    await expand(world.users);
    const report = await underLoad(world, async () => {
      await world.acknowledged(READ_FLAG, await world.setReads(100));
      await world.acknowledged(WRITE_FLAG, await world.setWrites('both'));
      await sleep(STEP_MS);
      await world.acknowledged(WRITE_FLAG, await world.setWrites('old'));
      await world.acknowledged(READ_FLAG, await world.setReads(0));
      await abandon(world.users);
    });
    expect(report.served).toBeGreaterThan(100);
  });

  it(
    'fails no request while the gateway hangs or is started again, within the lease',
    { timeout: 120_000 },
    async () => {
      await using world = await openWorld({ lease: LEASE });
      const report = await underLoad(world, async () => {
        await sleep(STEP_MS);
        world.gateway.signal('SIGSTOP');
        await sleep(2 * STEP_MS);
        world.gateway.signal('SIGCONT');
        await sleep(STEP_MS);
        await world.gateway.kill();
        await world.startGateway();
      });
      expect(report.served).toBeGreaterThan(100);
    },
  );
});
