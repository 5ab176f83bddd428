import { waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeCheckout, type Checkout } from '../src/checkout.js';
import { processesOfRun } from '../src/processes-of-run.js';

let checkout: Checkout;
beforeAll(async () => {
  checkout = await makeCheckout();
});
afterAll(() => checkout.dispose());

it('shows the main act, survives the killed worker, and stops everything at its end', async () => {
  const { code, value, stderr } = await checkout.json<{
    ok: boolean;
    acts: { runId: string; checks: { what: string; ok: boolean }[]; kill: object; gates: object[] }[];
  }>(['demo', '--exit'], { timeoutMs: 280_000 });
  const [act] = value.acts ?? [];
  expect(
    act?.checks.filter((check) => !check.ok),
    stderr,
  ).toEqual([]);
  expect(code).toBe(0);
  expect(value.ok).toBe(true);
  expect(act?.gates).toHaveLength(2);
  expect((await checkout.json(['status'])).code).toBe(7);
  expect(await processesOfRun(act?.runId ?? 'none')).toEqual([]);
});

it('stays up for people to look around until Ctrl-C, and then stops everything', async () => {
  const demo = checkout.start(['demo']);
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
