import type { SchemaChangeGiven } from '@switchyard/contracts';
import { describe, expect, it } from 'vitest';
import {
  abort,
  approve,
  failureOf,
  gateOf,
  nameSplit,
  pause,
  resultOf,
  resume,
  startChange,
  waitForStatus,
} from '../src/change.js';
import { catalogOf, makeUsers, wrongInNewShape } from '../src/people.js';
import { useWorld } from '../src/use-world.js';

const world = useWorld();

const change = (name: string, spec: Omit<SchemaChangeGiven['spec'], 'database'>): SchemaChangeGiven => ({
  apiVersion: 'switchyard.dev/v1',
  kind: 'SchemaChange',
  metadata: { name },
  spec: {
    database: 'app',
    switch: { readFlag: `${name}-read`, writeFlag: `${name}-write`, settle: '100ms' },
    gates: { maxLagSeconds: 5, minStableSeconds: 1, coolDown: '1s' },
    ...spec,
  },
});

/** Runs a change to its end; `meanwhile` writes the old shape before the switch, and the new one after it. */
async function carryOut(given: SchemaChangeGiven, meanwhile: { old: string; new: string }): Promise<void> {
  const run = await startChange(world(), given);
  await waitForStatus(run, 'the gate cutover', (status) => gateOf(status, 'cutover')?.state === 'open');
  await world().target.query(meanwhile.old);
  await approve(run, 'cutover');
  await waitForStatus(run, 'the gate contract', (status) => gateOf(status, 'contract')?.state === 'open');
  await world().target.query(meanwhile.new);
  await approve(run, 'contract');
  await resultOf(run);
}

describe('a schema change', () => {
  it('moves columns to a table of their own, with a row only where there is something', async () => {
    const { target } = world();
    await target.query(`create table people (id bigint primary key, name text, street text, city text)`);
    await target.query(`insert into people select i, 'P' || i, case when i % 3 > 0 then 'Street ' || i end,
      case when i % 2 > 0 then 'City' end from generate_series(1, 600) i`);
    const before = await catalogOf(target);
    await carryOut(
      change('people-addresses', {
        table: 'people',
        presets: [
          {
            kind: 'split-table',
            into: 'addresses',
            key: 'person_id',
            columns: { street: 'text', city: 'text' },
            onlyFilled: true,
          },
        ],
      }),
      {
        old: `update people set street = 'Moved' where id = 6; delete from people where id = 7;
          insert into people values (700, 'New', 'Late Street', null)`,
        new: `update addresses set city = 'Elsewhere' where person_id = 8; insert into people (id, name) values (800, 'Newer');
          insert into addresses values (800, 'New Street', 'New City')`,
      },
    );
    const rows = await target.query<{ person_id: string; street: string | null; city: string | null }>(
      'select person_id::text, street, city from addresses order by addresses.person_id',
    );
    // Of 600, those of which neither is filled have none: every sixth; 6 was filled later, and 7 is gone.
    expect(rows).toHaveLength(600 - 100 + 1 - 1 + 2);
    expect(rows.filter(({ person_id: id }) => ['6', '8', '700', '800'].includes(id))).toEqual([
      { person_id: '6', street: 'Moved', city: null },
      { person_id: '8', street: 'Street 8', city: 'Elsewhere' },
      { person_id: '700', street: 'Late Street', city: null },
      { person_id: '800', street: 'New Street', city: 'New City' },
    ]);
    const after = await catalogOf(target);
    expect(after.filter((what) => !before.includes(what) && !what.includes('addresses'))).toEqual([]);
    expect(before.filter((what) => !after.includes(what))).toEqual([
      expect.stringContaining('people.city'),
      expect.stringContaining('people.street'),
    ]);
    await target.query('drop table people, addresses');
  });

  it('renames a column, changes the type of another and maps the values of a third at once', async () => {
    const { target } = world();
    await target.query(`create table "Orders" (id int primary key, "Old Name" text, amount text not null, state text)`);
    await target.query(`insert into "Orders" select i, 'N' || i, (i * 1.5)::text,
      (array['new', 'open', 'done', null])[1 + i % 4] from generate_series(1, 400) i`);
    await carryOut(
      change('orders', {
        table: '"Orders"',
        presets: [
          { kind: 'rename-column', column: 'Old Name', to: 'title', type: 'text' },
          {
            kind: 'change-type',
            column: 'amount',
            to: 'price',
            type: 'numeric(12,2)',
            using: 'amount::numeric(12,2)',
            back: 'price::text',
          },
          {
            kind: 'map-values',
            column: 'state',
            to: 'state_id',
            type: 'smallint',
            map: [
              { from: 'new', to: 1 },
              { from: 'open', to: 2 },
              { from: 'done', to: 3 },
            ],
          },
        ],
      }),
      {
        old: `update "Orders" set "Old Name" = 'Renamed', amount = '7.25', state = 'done' where id = 4`,
        new: `insert into "Orders" (id, title, price, state_id) values (1000, 'New', 3.5, 2)`,
      },
    );
    expect(await target.query(`select * from "Orders" where id in (1, 3, 4, 1000) order by id`)).toEqual([
      { id: 1, title: 'N1', price: '1.50', state_id: 2 },
      { id: 3, title: 'N3', price: '4.50', state_id: null },
      { id: 4, title: 'Renamed', price: '7.25', state_id: 3 },
      { id: 1000, title: 'New', price: '3.50', state_id: 2 },
    ]);
    await target.query('drop table "Orders"');
  });

  it('fills each partition by itself, attaches its index from theirs, and takes all of it back', async () => {
    const { target } = world();
    await target.query(`create table users (id bigint, name text not null, said text, primary key (id)) partition by range (id);
      create table users_a partition of users for values from (0) to (1000);
      create table users_b partition of users for values from (1000) to (100000)`);
    await target.query(`insert into users select i, n, n from generate_series(1, 3000) i, concat('Ada ', i) n`);
    const before = await catalogOf(target);
    const indexed = nameSplit({ indexes: [{ name: 'idx_users_last_name', columns: ['last_name'] }] });
    const aborted = await startChange(world(), indexed);
    await waitForStatus(aborted, 'the gate', (status) => gateOf(status, 'cutover')?.state === 'open');
    await abort(aborted, 'not yet');
    expect(await failureOf(resultOf(aborted))).toMatchObject({ code: 'Aborted' });
    expect(await catalogOf(target)).toEqual(before);
    const run = await startChange(world(), indexed);
    const open = await waitForStatus(run, 'the gate', (status) => gateOf(status, 'cutover')?.state === 'open');
    const backfill = open.steps.find(({ id }) => id === 'backfill');
    expect(backfill?.children?.map(({ workflowId }) => workflowId).toSorted()).toEqual([
      expect.stringMatching(/public\.users_a/),
      expect.stringMatching(/public\.users_b/),
    ]);
    await approve(run, 'cutover');
    await approve(run, 'contract');
    expect((await resultOf(run)).backfill?.rows).toBe(3000);
    expect(await wrongInNewShape(target)).toEqual([]);
    expect(
      await target.query(`select indisvalid as valid, (select count(*)::int from pg_inherits where inhparent = indexrelid) as parts
        from pg_index where indexrelid = 'idx_users_last_name'::regclass`),
    ).toEqual([{ valid: true, parts: 2 }]);
  });

  it('is paused and resumed by people, and says who it was', async () => {
    const { target } = world();
    await makeUsers(target, 200);
    const run = await startChange(world(), nameSplit({ backfill: { throttle: { diskFreeBytes: 1e18 } } }));
    await waitForStatus(run, 'the throttle', (status) =>
      status.steps.some(({ id, detail }) => id === 'backfill' && (detail ?? '').includes('disk')),
    );
    await pause(run, 'release freeze');
    const paused = await waitForStatus(run, 'the pause', (status) => status.state === 'paused');
    expect(paused.pausedBy).toBe('pia');
    await resume(run);
    await waitForStatus(run, 'going on', (status) => status.state !== 'paused' && status.pausedBy === null);
    await run.executeUpdate('tune', {
      args: [{ throttle: { diskFreeBytes: null }, by: { identity: 'pia', channel: 'test' } }],
    });
    await approve(run, 'cutover');
    await approve(run, 'contract');
    await resultOf(run);
    expect(await wrongInNewShape(target)).toEqual([]);
  });
});
