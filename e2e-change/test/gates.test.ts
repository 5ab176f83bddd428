import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startApplication } from '../src/application.js';
import {
  abort,
  approve,
  approveWith,
  failureOf,
  gateOf,
  isInStep,
  nameSplit,
  resultOf,
  startChange,
  tune,
  waitForStatus,
} from '../src/change.js';
import { makeUsers, wrongInNewShape } from '../src/people.js';
import { useWorld } from '../src/use-world.js';

const world = useWorld();

const NEVER_ENOUGH = 1e18;

describe('the gate cutover', () => {
  it('stays closed while a transaction of 500,000 rows that wrote before the barrier is open, says so, and takes no approval', async () => {
    const { target } = world();
    await makeUsers(target, 500);
    const run = await startChange(world(), nameSplit({ backfill: { throttle: { diskFreeBytes: NEVER_ENOUGH } } }));
    // A backfill that may not work shows why.
    const throttled = await waitForStatus(run, 'the throttle', (status) =>
      status.steps.some(({ id, detail }) => id === 'backfill' && (detail ?? '').includes('disk')),
    );
    expect(throttled.phase).toBe('Backfill');
    await expect(approveWith(run, 'cutover', 'sha256:none')).rejects.toThrow(/no gate/);

    const writer = await target.connect();
    await writer.query(`begin; set local application_name = 'nightly-import'`);
    await writer.query(
      `insert into users (name, said) select n, n from generate_series(1, 500000) i, concat('Eve ', i) n`,
    );
    await tune(run, { throttle: { diskFreeBytes: null } });
    const closed = await waitForStatus(run, 'the gate to see the writer', (status) =>
      (gateOf(status, 'cutover')?.conditions ?? []).some(({ observed }) => observed.includes('nightly-import')),
    );
    expect(gateOf(closed, 'cutover')?.state).toBe('closed');
    expect(closed.waitingFor).toMatchObject({ kind: 'condition', name: expect.stringContaining('open transactions') });
    const { evidence = '' } = gateOf(closed, 'cutover') ?? {};
    await expect(approveWith(run, 'cutover', evidence)).rejects.toThrow(/closed.*open transactions/);

    await writer.query('commit');
    await writer.end();
    const open = await waitForStatus(run, 'the gate to open', (status) => gateOf(status, 'cutover')?.state === 'open');
    const proofs = (gateOf(open, 'cutover')?.shown ?? []).join('\n');
    expect(proofs).toMatch(/500500 rows compared/);
    await expect(approveWith(run, 'cutover', `sha256:${'0'.repeat(64)}`)).rejects.toThrow(
      /is not what gate "cutover" shows now/,
    );
    expect(await wrongInNewShape(target)).toEqual([]);
    await abort(run, 'seen enough');
    expect(await failureOf(resultOf(run))).toMatchObject({ code: 'Aborted' });
  });
});

describe('a flip', () => {
  it('of the writers waits for transactions that began before it, names them, and loses nothing that they write', async () => {
    const { target } = world();
    await makeUsers(target, 500);
    await using application = await startApplication(world());
    const run = await startChange(world(), nameSplit());
    await waitForStatus(run, 'the gate', (status) => gateOf(status, 'cutover')?.state === 'open');
    const old = await target.connect();
    await old.query(`begin; set local application_name = 'old-report'; select 1`);
    await approve(run, 'cutover');
    await waitForStatus(run, 'the wait for it', (status) =>
      status.steps.some(({ id, detail }) => id === 'dual-write' && (detail ?? '').includes('old-report')),
    );
    await sleep(1_000);
    // What it writes by the flag that it read long ago is the old shape alone.
    await old.query(
      `insert into users (id, name, said) overriding system value values (-1, 'Late Writer', 'Late Writer')`,
    );
    expect(isInStep(await waitForStatus(run, 'any', () => true), 'dual-write')).toBe(true);
    await old.query('commit');
    await old.end();
    await approve(run, 'contract');
    await resultOf(run);
    expect((await application.stop()).failures).toEqual([]);
    expect(await wrongInNewShape(target)).toEqual([]);
    expect(await target.query(`select first_name, last_name from users where id = -1`)).toEqual([
      { first_name: 'Late', last_name: 'Writer' },
    ]);
  });
});

describe('others', () => {
  it('who hold the table for long are given way to and named, and writers do not notice', async () => {
    const { target } = world();
    await makeUsers(target, 500);
    const reader = await target.connect();
    await reader.query(`begin; set local application_name = 'long-report'; select count(*) from users`);
    await using application = await startApplication(world());
    const run = await startChange(world(), nameSplit());
    const gaveWay = await waitForStatus(run, 'giving way', (status) =>
      status.steps.some(({ id, detail }) => id === 'expand' && (detail ?? '').includes('long-report')),
    );
    expect(isInStep(gaveWay, 'expand')).toBe(true);
    await reader.query('commit');
    await reader.end();
    await waitForStatus(run, 'the gate', (status) => gateOf(status, 'cutover')?.state === 'open');
    const events = await world().events(run.workflowId);
    expect(events.filter(({ type }) => type === 'gave_way').map(({ message }) => message)).toEqual([
      expect.stringMatching(/add first_name, last_name: gave way to pid \d+ \(long-report/),
    ]);
    await abort(run, 'seen enough');
    await failureOf(resultOf(run));
    expect((await application.stop()).failures).toEqual([]);
  });

  it('who change the table stop the run with what they changed, and it can be undone all the same', async () => {
    const { target } = world();
    await makeUsers(target, 500);
    const run = await startChange(world(), nameSplit({ backfill: { throttle: { diskFreeBytes: NEVER_ENOUGH } } }));
    await waitForStatus(run, 'the backfill', (status) => isInStep(status, 'backfill'));
    await target.query('alter table users add column nickname text');
    const held = await waitForStatus(run, 'the run to be held', (status) => status.waitingFor?.kind === 'person');
    const { detail = '' } = held.steps.find(({ id }) => id === 'backfill') ?? {};
    expect(detail).toMatch(/somebody else changed public\.users meanwhile: .*nickname is new/);
    await abort(run, 'they were first');
    expect(await failureOf(resultOf(run))).toMatchObject({ code: 'Aborted' });
    expect(
      await target.query(`select string_agg(attname, ',' order by attnum) as columns from pg_attribute
      where attrelid = 'users'::regclass and attnum > 0 and not attisdropped`),
    ).toEqual([{ columns: 'id,name,said,email,nickname' }]);
  });

  it('who change it while the gate is open close the gate', async () => {
    const { target } = world();
    await makeUsers(target, 500);
    const run = await startChange(world(), nameSplit());
    await waitForStatus(run, 'the gate', (status) => gateOf(status, 'cutover')?.state === 'open');
    await target.query('alter table users alter column name type varchar(300)');
    const closed = await waitForStatus(
      run,
      'the gate to close, or the run to be held',
      (status) => status.waitingFor?.kind === 'person' || gateOf(status, 'cutover')?.state === 'closed',
    );
    expect(gateOf(closed, 'cutover')?.state).toBe('closed');
    await abort(run, 'they were first');
    expect(await failureOf(resultOf(run))).toMatchObject({ code: 'Aborted' });
  });
});
