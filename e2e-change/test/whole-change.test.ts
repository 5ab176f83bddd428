import { startPostgres } from '@switchyard/testkit';
import { describe, expect, it } from 'vitest';
import { startApplication } from '../src/application.js';
import { approve, nameSplit, resultOf, startChange } from '../src/change.js';
import { catalogOf, makeUsers, originsOf, untouchedUsers, wrongInNewShape } from '../src/people.js';
import { useDisposal } from '../src/use-world.js';
import { openWorld } from '../src/world.js';

const untilTheEnd = useDisposal();

describe.each([
  ['the newest PostgreSQL', undefined],
  ['PostgreSQL 15', 15],
] as const)('a schema change on %s', (_, major) => {
  it('takes name to first_name and last_name while others write, and leaves nothing behind', async () => {
    const server = major ? untilTheEnd(await startPostgres({ major })) : undefined;
    const world = untilTheEnd(await openWorld(server ? { server } : {}));
    await Promise.all([world.start('migration-worker'), world.start('cdc-worker')]);
    const { target } = world;
    await makeUsers(target, 1000);
    const before = await catalogOf(target);
    const originsBefore = await originsOf(target);
    await using application = await startApplication(world);

    const run = await startChange(
      world,
      nameSplit({ indexes: [{ name: 'idx_users_last_name', columns: ['last_name'] }] }),
    );
    await approve(run, 'cutover');
    await approve(run, 'contract');
    const result = await resultOf(run);
    expect(application.mode()).toBe('new');
    const traffic = await application.stop();

    expect(traffic.failures).toEqual([]);
    expect(traffic.writes).toBeGreaterThan(100);
    expect(await wrongInNewShape(target)).toEqual([]);
    expect(result.phases.map(({ phase }) => phase)).toEqual(['Expand', 'Backfill', 'Switch', 'Contract']);
    // What no writer ever touched came by the backfill; the stream may have been first with any other row.
    const untouched = await untouchedUsers(target);
    expect(untouched).toBeGreaterThan(0);
    expect(result.backfill?.rows).toBeGreaterThanOrEqual(untouched);
    expect(result.parity.length).toBeGreaterThanOrEqual(5);
    expect(result.parity.every(({ differing, rows }) => differing === 0 && rows > 500)).toBe(true);
    const wanted = before.flatMap((what) =>
      what.startsWith('column users.name ')
        ? ['column users.first_name text notnull=t default=', 'column users.last_name text notnull=f default=']
        : what,
    );
    wanted.push('index CREATE INDEX idx_users_last_name ON public.users USING btree (last_name)');
    expect(await catalogOf(target)).toEqual(wanted.toSorted());
    expect(await originsOf(target)).toEqual(originsBefore);
  });
});
