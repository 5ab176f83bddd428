import { expect, it } from 'vitest';
import { failure, lost, SECRET, TOKEN, useWorld } from './world.js';

const world = useWorld();
const input = (more: object = {}): object => ({
  routingKey: TOKEN,
  url: world().fake.url,
  summary: 'disk full',
  severity: 'critical',
  details: { host: 'db1' },
  ...more,
});
const accepted = ({ json }: { json: unknown }): object => ({
  status: 202,
  body: { status: 'success', message: 'Event processed', dedup_key: (json as { dedup_key: string }).dedup_key },
});
const keys = (): unknown[] =>
  world()
    .asked('POST /v2/enqueue')
    .map(({ json }) => (json as { dedup_key: string }).dedup_key);

it('triggers an alert with what happened and which run says so', async () => {
  const { fake, call, asked, events } = world();
  fake.on({ 'POST /v2/enqueue': accepted });
  const result = (await call('sendPage', input())) as { dedupKey: string };
  expect(result).toMatchObject({ status: 'success', message: 'Event processed' });
  expect(asked('POST /v2/enqueue')[0]?.json).toMatchObject({
    routing_key: SECRET,
    event_action: 'trigger',
    dedup_key: result.dedupKey,
    payload: { summary: 'disk full', severity: 'critical', custom_details: { host: 'db1', run: 'run', step: 'call' } },
  });
  expect(JSON.stringify(events)).not.toContain(SECRET);
});

it('is one alert however often it is sent: a lost answer, a second delivery; another step is another alert', async () => {
  const { fake, call } = world();
  fake.on({ 'POST /v2/enqueue': lost });
  await failure(call('sendPage', input()));
  fake.on({ 'POST /v2/enqueue': accepted });
  await call('sendPage', input());
  await call('sendPage', input());
  await call('sendPage', input(), { step: 'other' });
  const [first, second, third, other] = keys();
  expect([second, third]).toEqual([first, first]);
  expect(other).not.toBe(first);
});

it('resolves the alert that a key names, and sends no payload', async () => {
  const { fake, call, asked } = world();
  fake.on({ 'POST /v2/enqueue': accepted });
  await call('sendPage', { routingKey: TOKEN, url: fake.url, action: 'resolve', dedupKey: 'disk-db1' });
  expect(asked('POST /v2/enqueue')[0]?.json).toEqual({
    routing_key: SECRET,
    event_action: 'resolve',
    dedup_key: 'disk-db1',
  });
});

it('says what PagerDuty has against an event, and does not send it again', async () => {
  const { fake, call } = world();
  fake.on({
    'POST /v2/enqueue': {
      status: 400,
      body: { status: 'invalid event', message: 'Event object is invalid', errors: ["'routing_key' has length 12"] },
    },
  });
  const failed = await failure(call('sendPage', input()));
  expect(failed).toMatchObject({ type: 'UpstreamFailed', nonRetryable: true });
  expect(failed.message).toContain("answered 400: Event object is invalid: 'routing_key' has length 12");
});

it.each([
  ['429', { status: 429 }],
  ['500', { status: 500, body: 'oops' }],
  ['a page of a proxy in place of JSON', { body: '<html>', headers: { 'content-type': 'text/html' } }],
])('tries again after %s', async (_what, answer) => {
  const { fake, call } = world();
  fake.on({ 'POST /v2/enqueue': answer });
  expect(await failure(call('sendPage', input()))).toMatchObject({ type: 'UpstreamFailed', nonRetryable: false });
});

it('gives up on a slow answer', async () => {
  const { fake, call } = world();
  fake.on({ 'POST /v2/enqueue': { delayMs: 2_000 } });
  expect(await failure(call('sendPage', input({ timeout: 100 })))).toMatchObject({
    type: 'TimedOut',
    nonRetryable: false,
  });
});
