import { describe, expect, it } from 'vitest';
import { failure, lost, SECRET, TOKEN, useWorld } from './world.js';

const world = useWorld();
const input = (more: object = {}): object => ({
  slack: { token: TOKEN, channel: 'C1', api: `${world().fake.url}/api/` },
  text: 'deployed',
  ...more,
});
const posted = { body: { ok: true, channel: 'C1', ts: '1700000000.000100' } };

describe('notify through a Slack app', () => {
  it('posts once, also when the message is delivered to a worker twice', async () => {
    const { fake, call, asked, ledger } = world();
    fake.on({ 'POST /api/chat.postMessage': posted });
    const first = await call('notify', input({ fields: { env: 'prod' } }));
    expect(first).toEqual({ delivered: true, warning: null, channel: 'C1', ts: '1700000000.000100' });
    expect(await call('notify', input({ fields: { env: 'prod' } }))).toEqual(first);
    const [request, ...more] = asked('POST /api/chat.postMessage');
    expect(more).toEqual([]);
    expect(request?.headers['authorization']).toBe(`Bearer ${SECRET}`);
    expect(request?.json).toMatchObject({
      channel: 'C1',
      text: 'deployed',
      metadata: { event_type: 'switchyard_effect' },
    });
    expect(await ledger()).toMatchObject([{ action: 'message', state: 'completed', resourceId: '1700000000.000100' }]);
  });

  it('finds its message in the channel when the answer was lost after it was posted', async () => {
    const { fake, call, asked, events } = world();
    const metadata: unknown[] = [];
    fake.on({
      'POST /api/chat.postMessage': (request) => {
        metadata.push((request.json as { metadata: unknown }).metadata);
        return lost;
      },
      'GET /api/conversations.history': () => ({
        body: { ok: true, messages: [{ ts: '5.1' }, { ts: '6.1', metadata: metadata[0] }] },
      }),
    });
    expect(await failure(call('notify', input()))).toMatchObject({ type: 'UpstreamFailed', nonRetryable: false });
    expect(await call('notify', input())).toMatchObject({ delivered: true, ts: '6.1' });
    expect(asked('POST /api/chat.postMessage')).toHaveLength(1);
    expect(events.map(({ type }) => type)).toEqual(['http_failed', 'effect_found', 'notified']);
  });

  it('posts again when the channel shows that nothing came of the first attempt', async () => {
    const { fake, call, asked } = world();
    fake.on({
      'POST /api/chat.postMessage': [lost, posted],
      'GET /api/conversations.history': { body: { ok: true, messages: [] } },
    });
    await failure(call('notify', input()));
    expect(await call('notify', input())).toMatchObject({ delivered: true });
    expect(asked('POST /api/chat.postMessage')).toHaveLength(2);
  });

  it('says so when it posts again because it may not read the channel', async () => {
    const { fake, call, events } = world();
    fake.on({
      'POST /api/chat.postMessage': [lost, posted],
      'GET /api/conversations.history': { body: { ok: false, error: 'missing_scope', needed: 'channels:history' } },
    });
    await failure(call('notify', input()));
    expect(await call('notify', input())).toMatchObject({ delivered: true });
    expect(events.find(({ type }) => type === 'effect_unknown')?.message).toContain('the scope channels:history');
  });

  it.each([
    ['channel_not_found', 'NotFound', true],
    ['invalid_auth', 'AuthFailed', true],
    ['msg_too_long', 'UpstreamFailed', true],
    ['internal_error', 'UpstreamFailed', false],
  ])('fails by what Slack says with status 200: %s', async (error, type, nonRetryable) => {
    const { fake, call } = world();
    fake.on({ 'POST /api/chat.postMessage': { body: { ok: false, error } } });
    const failed = await failure(call('notify', input()));
    expect(failed).toMatchObject({ type, nonRetryable, message: expect.stringContaining(error) as string });
  });

  it('posts without a look at the channel after a refusal for too many requests', async () => {
    const { fake, call, asked, ledger } = world();
    fake.on({
      'POST /api/chat.postMessage': [{ status: 429, headers: { 'retry-after': '0' }, body: { ok: false } }, posted],
    });
    expect(await failure(call('notify', input()))).toMatchObject({ nonRetryable: false, nextRetryDelay: 0 });
    expect(await ledger()).toMatchObject([{ state: 'failed' }]);
    expect(await call('notify', input())).toMatchObject({ delivered: true });
    expect(asked('GET /api/conversations.history')).toEqual([]);
  });
});

describe('notify through an incoming webhook of Slack', () => {
  it('never shows the URL, which is the credential', async () => {
    const { fake, call, events } = world();
    fake.on({ 'POST /hook/s3cr3t-path': { status: 404, body: 'no_service' } });
    const failed = await failure(call('notify', { slack: { webhook: { $secret: 'hook' } }, text: 'x' }));
    expect(failed).toMatchObject({ type: 'UpstreamFailed', message: expect.stringContaining('no_service') as string });
    expect(JSON.stringify([failed.message, failed.details, events])).not.toContain('s3cr3t-path');
    fake.on({ 'POST /hook/s3cr3t-path': { body: 'ok' } });
    expect(await call('notify', { slack: { webhook: { $secret: 'hook' } }, text: 'x' })).toMatchObject({
      delivered: true,
    });
  });
});
