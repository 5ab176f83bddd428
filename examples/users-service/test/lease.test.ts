import { randomUUID } from 'node:crypto';
import { laggards } from '@switchyard/store';
import { waitFor } from '@switchyard/testkit';
import { describe, expect, it } from 'vitest';
import { READ_FLAG, WRITE_FLAG } from '../src/flags/flags.js';
import { contract, expand, relax } from './expand.js';
import { isReady, openWorld, send, type Started, type World } from './world.js';

const newUser = () => {
  const id = randomUUID();
  return { id, name: 'Ada Lovelace', email: `${id}@example.test` };
};
const behind = (world: World, key: string, version: number, aliveWithinMs = 30_000) =>
  laggards(world.store, { key, version, services: ['users-service'], aliveWithinMs });
const read = ({ url }: Started, id: string) => send('GET', `${url}/users/${id}`);

describe('an acknowledgement', () => {
  it('comes only after the last request has ended that went by the old version', { timeout: 120_000 }, async () => {
    await using world = await openWorld({ lease: '10s' });
    const replica = await world.startReplica();
    const user = newUser();
    expect((await send('POST', `${replica.url}/users`, user)).status).toBe(201);
    await world.users.query('alter table public.users add column first_name text, add column last_name text');
    await world.acknowledged(WRITE_FLAG, await world.setWrites('old'));

    const holder = await world.users.connect();
    await holder.query('begin');
    await holder.query('select from public.users where id = $1 for update', [user.id]);
    const slow = send('PUT', `${replica.url}/users/${user.id}/name`, { name: 'Slow Writer' });
    await waitFor(async () => await isBlocked(world), { what: 'the rename to wait for the row' });
    const version = await world.setWrites('both');
    // Every later request goes by the new version...
    await waitFor(
      async () => {
        const other = newUser();
        await send('POST', `${replica.url}/users`, other);
        const { rows } = await world.users.query('select first_name from public.users where id = $1', [other.id]);
        return (rows as { first_name: string | null }[])[0]?.first_name === 'Ada';
      },
      { what: 'a request by the new version' },
    );
    // ...and yet the instance does not acknowledge it, report after report.
    const laggard = async () => (await behind(world, WRITE_FLAG, version))[0]?.behind[0];
    const before = await laggard();
    expect(before).toMatchObject({ instance: replica.instance });
    await waitFor(async () => (await laggard())?.seenAt !== before?.seenAt, { what: 'the next report' });
    expect(await laggard()).toMatchObject({ instance: replica.instance, version: before?.version });
    await holder.query('commit');
    holder.release();
    expect((await slow).status).toBe(204);
    await world.acknowledged(WRITE_FLAG, version);
    const { rows } = await world.users.query('select name, first_name from public.users where id = $1', [user.id]);
    expect(rows).toEqual([{ name: 'Slow Writer', first_name: null }]);
  });
});

describe('a replica', () => {
  it(
    'that is stopped becomes a named laggard, and serves nothing by old flags when it wakes',
    { timeout: 120_000 },
    async () => {
      await using world = await openWorld({ lease: '3s' });
      const [awake, asleep] = [await world.startReplica(), await world.startReplica()];
      const user = newUser();
      await send('POST', `${awake.url}/users`, user);
      await expand(world.users);
      await world.acknowledged(WRITE_FLAG, await world.setWrites('both'));
      await relax(world.users);

      asleep.signal('SIGSTOP');
      // They wait at its door while it sleeps, and are the first thing that it meets.
      const waiting = [
        send('PUT', `${asleep.url}/users/${user.id}/name`, { name: 'Old Shape' }),
        read(asleep, user.id),
        send('POST', `${asleep.url}/users`, newUser()),
      ];
      const version = await world.setWrites('new');
      await waitFor(
        async () => {
          const [laggard] = await behind(world, WRITE_FLAG, version, 9_000);
          return laggard?.behind.length === 1 && laggard.behind[0]?.instance === asleep.instance;
        },
        { what: 'the sleeper to be the only laggard', timeoutMs: 30_000 },
      );
      await waitFor(async () => (await behind(world, WRITE_FLAG, version, 9_000)).length === 0, {
        what: 'the sleeper to count as gone',
        timeoutMs: 30_000,
      });
      await contract(world.users);
      asleep.signal('SIGCONT');
      expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([503, 503, 503]);
      // It comes back by the new version, and so without the column that is gone.
      await waitFor(() => isReady(asleep), { what: 'the sleeper to serve again' });
      expect(await read(asleep, user.id)).toMatchObject({ status: 200, body: { name: user.name } });
      expect(await behind(world, WRITE_FLAG, version)).toEqual([]);
    },
  );

  it(
    'goes on without the gateway until its lease ends, then refuses, and comes back with it',
    { timeout: 120_000 },
    async () => {
      await using world = await openWorld({ lease: '8s' });
      const replica = await world.startReplica();
      const user = newUser();
      await send('POST', `${replica.url}/users`, user);
      await world.gateway.kill();
      expect((await read(replica, user.id)).status).toBe(200);
      await waitFor(async () => (await read(replica, user.id)).status === 503, { what: 'the lease to end' });
      expect(await isReady(replica)).toBe(false);
      expect((await send('DELETE', `${replica.url}/users/${user.id}`)).status).toBe(503);
      await world.startGateway();
      await waitFor(() => isReady(replica), { what: 'the replica to serve again' });
      expect(await read(replica, user.id)).toMatchObject({
        status: 200,
        body: { firstName: 'Ada', lastName: 'Lovelace' },
      });
    },
  );

  it('says goodbye when it is asked to stop, so that nobody waits for it', { timeout: 120_000 }, async () => {
    await using world = await openWorld({ lease: '10s' });
    const [one, other] = [await world.startReplica(), await world.startReplica()];
    expect(await other.stop()).toBe(0);
    const version = await world.setReads(0);
    await world.acknowledged(READ_FLAG, version);
    expect(await one.stop()).toBe(0);
    expect(await behind(world, READ_FLAG, version)).toEqual([{ service: 'users-service', alive: 0, behind: [] }]);
  });
});

/** Whether some statement of the service waits for a lock. */
async function isBlocked(world: World): Promise<boolean> {
  const { rows } = await world.users.query(
    `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows.length > 0;
}
