import { join } from 'node:path';
import { waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeCheckout, type Checkout } from '../src/checkout.js';
import { processesOfRun } from '../src/processes-of-run.js';
import { programsBelow } from '../src/programs-below.js';
import { openStack } from '../src/stack.js';

interface Demo {
  readonly ok: boolean;
  readonly acts?: readonly {
    readonly act: string;
    readonly runId: string;
    readonly checks: readonly { readonly what: string; readonly ok: boolean }[];
    readonly gates: readonly object[];
  }[];
}

/** Both acts on a machine that is busy with other suites. */
const DEMO_MS = 540_000;

let checkout: Checkout;
beforeAll(async () => {
  checkout = await makeCheckout();
});
afterAll(() => checkout.dispose());

it(
  'shows both acts, survives the killed worker of each, and stops everything at its end',
  async () => {
    const { code, value, stderr } = await checkout.json<Demo>(['demo', '--exit'], { timeoutMs: DEMO_MS });
    const acts = value.acts ?? [];
    expect(acts.map(({ act }) => act)).toEqual(['full-stack', 'schema-change']);
    expect(
      acts.flatMap(({ checks }) => checks.filter((check) => !check.ok)),
      stderr,
    ).toEqual([]);
    expect(code).toBe(0);
    expect(value.ok).toBe(true);
    for (const { gates } of acts) expect(gates).toHaveLength(2);
    expect((await checkout.json(['status'])).code).toBe(7);
    for (const { runId } of acts) expect(await processesOfRun(runId)).toEqual([]);
    expect(await programsBelow(join(checkout.root, 'examples'))).toEqual([]);
  },
  DEMO_MS,
);

it('goes back to the old shape when it is interrupted mid-change, and begins anew the next time', async () => {
  const stack = await openStack(checkout);
  const demo = checkout.start(['demo', 'schema-change', '--exit']);
  const ended = new Promise<number | null>((resolve) => demo.on('close', resolve));
  let output = '';
  demo.stdout?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  await waitFor(async () => (output.includes('SIGKILL to migration-worker') ? true : undefined), {
    timeoutMs: 120_000,
    what: 'the backfill',
  });
  demo.kill('SIGINT');
  expect(await ended).toBe(130);
  // It joined the stack, so it leaves it as it was: up, and without what the change had made.
  await stack.status();
  expect(await programsBelow(join(checkout.root, 'examples'))).toEqual([]);
  const { rows } = await stack.app.knex.raw<{ rows: { columns: string[]; slots: string } }>(
    `select array(select attname::text from pg_attribute where attrelid = 'public.users'::regclass and attnum > 0
      and not attisdropped order by attnum) as columns, (select count(*) from pg_replication_slots) as slots`,
  );
  expect(rows).toEqual([{ columns: ['id', 'name', 'email', 'updated_at'], slots: '0' }]);
  await stack.close();
  await checkout.cli(['down']);
});

it('stays up for people to look around until Ctrl-C, and then stops everything', async () => {
  const demo = checkout.start(['demo', 'full-stack']);
  let output = '';
  demo.stdout?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const ended = new Promise<number | null>((resolve) => demo.on('close', resolve));
  await waitFor(async () => (output.includes('Ctrl-C ends it') ? true : undefined), {
    timeoutMs: 200_000,
    what: 'the demo to be over',
  });
  expect((await checkout.json(['status'])).code).toBe(0);
  demo.kill('SIGINT');
  expect(await ended).toBe(0);
  expect((await checkout.json(['status'])).code).toBe(7);
});
