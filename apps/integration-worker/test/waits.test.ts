import { expect, it } from 'vitest';
import { failure, useWorld } from './world.js';

const world = useWorld();

it('a host that asked to wait is left alone by other calls, and the step shows that it waits', async () => {
  const { fake, call, events, reports } = world();
  fake.on({ 'GET /a': { status: 429, headers: { 'retry-after': '7' } } });
  expect(await failure(call('httpRequest', { url: `${fake.url}/a` }))).toMatchObject({ nextRetryDelay: 7_000 });
  const other = await failure(call('httpRequest', { url: `${fake.url}/b` }, { step: 'other' }));
  expect(other).toMatchObject({ type: 'UpstreamFailed', nonRetryable: false });
  expect(other.nextRetryDelay).toBeGreaterThan(5_000);
  expect(other.message).toContain('asked to wait 7 s longer; nothing was sent');
  expect(fake.requests).toHaveLength(1);
  expect(events.map(({ type }) => type)).toEqual(['http_failed', 'step_waiting', 'http_failed', 'step_waiting']);
  expect(reports[0]).toMatchObject({ step: 'call', detail: expect.stringContaining('waits 7.0 s') as string });
});

it('nothing is sent to the address where clouds keep the credentials of their machines', async () => {
  const { call } = world();
  const failed = await failure(call('httpRequest', { url: 'http://169.254.169.254/latest/meta-data/' }));
  expect(failed).toMatchObject({ type: 'PolicyDenied', nonRetryable: true });
});

it('no more connections are open to one host at once than the worker allows', async () => {
  const { fake, call } = world();
  let open = 0;
  let most = 0;
  fake.on({
    'GET /a': async () => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setTimeout(resolve, 20));
      open -= 1;
      return {};
    },
  });
  await Promise.all(
    Array.from({ length: 20 }, (_, i) => call('httpRequest', { url: `${fake.url}/a` }, { step: `s${i}` })),
  );
  expect(most).toBe(4);
});
