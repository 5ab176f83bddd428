import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres, waitFor } from '@switchyard/testkit';
import { describe, expect, it } from 'vitest';
import { startApplication } from '../src/application.js';
import {
  abort,
  approve,
  failureOf,
  gateOf,
  isInStep,
  nameSplit,
  resultOf,
  startChange,
  tune,
  waitForStatus,
} from '../src/change.js';
import { catalogOf, makeUsers, wrongInNewShape } from '../src/people.js';
import type { WorkerName, WorkerProcess } from '../src/worker-process.js';
import { useDisposal } from '../src/use-world.js';
import { openWorld, type World } from '../src/world.js';

const untilTheEnd = useDisposal();

const KILLS = 50;
/**
 * How long a stopped worker may keep another from taking over, in milliseconds: the server hands tasks to its open polls
 * for up to 70 s, each task lost that way is noticed after 10 s, and the stream pauses longer after each failure.
 */
const TAKE_OVER_MS = 150_000;
/** Kills before each gate is approved, so that they are spread over the whole change. */
const BEFORE = { cutover: 25, contract: 40 };

describe('workers', () => {
  it(
    `that are killed ${KILLS} times at any moment lose nothing, and writers do not notice`,
    { timeout: 900_000 },
    async () => {
      const world = untilTheEnd(await openWorld());
      const { target } = world;
      await makeUsers(target, 20_000);
      await using application = await startApplication(world);
      const run = await startChange(
        world,
        nameSplit({ indexes: [{ name: 'idx_users_last_name', columns: ['last_name'] }] }),
      );
      let kills = 0;
      let isOver = false;
      const killing = async (name: WorkerName): Promise<void> => {
        while (!isOver) {
          const worker = await world.start(name);
          const isLast = kills >= KILLS;
          await (isLast ? waitFor(() => isOver, { what: 'the end', timeoutMs: 600_000 }) : sleep(randomInt(50, 2_500)));
          await (isLast ? worker.stop() : worker.kill());
          kills++;
        }
      };
      const killers = [killing('migration-worker'), killing('cdc-worker')];
      const result = resultOf(run).finally(() => (isOver = true));
      for (const gate of ['cutover', 'contract'] as const) {
        await Promise.race([result, waitFor(() => kills >= BEFORE[gate], { what: 'kills', timeoutMs: 600_000 })]);
        await approve(run, gate, 300_000);
      }
      const { parity } = await result;
      await Promise.all(killers);
      const traffic = await application.stop();
      expect(kills).toBeGreaterThanOrEqual(KILLS);
      expect(traffic.failures).toEqual([]);
      expect(await wrongInNewShape(target)).toEqual([]);
      expect(parity.at(-1)).toMatchObject({ differing: 0 });
      expect((await catalogOf(target)).filter((what) => /slot|publication|switchyard|sy_/.test(what))).toEqual([]);
    },
  );

  it.each(['cdc-worker', 'migration-worker'] as const)(
    'a %s that was stopped and wakes after another took over writes nothing, and the change goes on',
    { timeout: TAKE_OVER_MS + 180_000 },
    async (name) => {
      // A server that ends the connection of a reader that says nothing any more.
      const server = untilTheEnd(await startPostgres({ settings: { wal_sender_timeout: '5s' } }));
      const world = untilTheEnd(await openWorld({ server }));
      const { target } = world;
      await makeUsers(target, 20_000);
      const first = await startBoth(world);
      await using application = await startApplication(world);
      // Slow enough to be stopped in the middle of it.
      const run = await startChange(
        world,
        nameSplit({ backfill: { chunkTarget: '5ms', throttle: { writerLatencyMs: 0 } } }),
      );
      await waitForStatus(run, 'the backfill', (status) => isInStep(status, 'backfill'));
      const zombie = first[name];
      zombie.signal('SIGSTOP');
      const before = await epochs(world);
      await world.start(name);
      const writer = name === 'cdc-worker' ? 'stream' : 'backfill';
      const taken = await waitFor(
        async () => ((await epochs(world))[writer] === before[writer] ? undefined : await epochs(world)),
        { what: 'another to take over', timeoutMs: TAKE_OVER_MS },
      );
      zombie.signal('SIGCONT');
      await sleep(3_000);
      expect((await epochs(world))[writer]).toBe(taken[writer]);
      await tune(run, { throttle: { writerLatencyMs: null }, chunkTarget: '25ms' });
      await waitForStatus(run, 'the gate', (status) => gateOf(status, 'cutover')?.state === 'open', 120_000);
      expect((await application.stop()).failures).toEqual([]);
      // What was written last is on its way through the stream.
      await waitFor(async () => (await wrongInNewShape(target)).length === 0, {
        what: 'the stream to apply the last writes',
      });
      await abort(run, 'seen enough');
      expect(await failureOf(resultOf(run))).toMatchObject({ code: 'Aborted' });
    },
  );
});

async function startBoth(world: World): Promise<Record<WorkerName, WorkerProcess>> {
  const [migration, cdc] = await Promise.all([world.start('migration-worker'), world.start('cdc-worker')]);
  return { 'migration-worker': migration, 'cdc-worker': cdc };
}

/** Who may write: the epoch of each writer of the control table. */
async function epochs({ target }: World): Promise<Record<string, string>> {
  const rows = await target.query<{ writer: string; epoch: string }>(
    `select writer, max(epoch)::text as epoch from switchyard_change.control group by writer`,
  );
  return Object.fromEntries(rows.map(({ writer, epoch }) => [writer, epoch]));
}
