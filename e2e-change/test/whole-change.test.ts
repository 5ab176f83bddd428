import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approve, nameSplit, resultOf, startChange } from '../src/change.js';
import { startApplication } from '../src/application.js';
import { openWorld, type World } from '../src/world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await Promise.all([world.start('migration-worker'), world.start('cdc-worker')]);
});
afterAll(() => world[Symbol.asyncDispose]());

describe('a schema change', () => {
  it('takes name to first_name and last_name, and leaves nothing behind', async () => {
    await world.target.query(
      `create table users (id bigint generated always as identity primary key, name text not null, email text)`,
    );
    await world.target.query(`insert into users (name) select 'Ada ' || i from generate_series(1, 1000) i`);
    await using application = await startApplication(world);
    const run = await startChange(world, nameSplit());
    await approve(run, 'cutover');
    await approve(run, 'contract');
    const result = await resultOf(run);
    const traffic = await application.stop();
    console.error(JSON.stringify({ result, traffic }, null, 1));
    expect(traffic.failures).toEqual([]);
    expect(result.backfill?.rows).toBeGreaterThanOrEqual(1000);
  });
});
