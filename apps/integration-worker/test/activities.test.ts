import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { failure, SECRET, useWorld } from './world.js';

const world = useWorld();
const request = (input: object): Promise<unknown> => world().call('httpRequest', input);
const health = (input: object): Promise<unknown> => world().call('checkHealth', input);
const notify = (input: object): Promise<unknown> => world().call('notify', input);

describe('httpRequest', () => {
  it('sends JSON with an idempotency key and gives status and body', async () => {
    const { fake, events } = world();
    fake.on({ 'POST /vms': { status: 201, body: { id: 7 } } });
    const result = await request({ url: `${fake.url}/vms`, method: 'POST', body: { name: 'web1' } });
    expect(result).toMatchObject({ status: 201, body: { id: 7 } });
    expect(fake.requests[0]).toMatchObject({ json: { name: 'web1' } });
    expect(fake.requests[0]?.headers).toMatchObject({
      'idempotency-key': expect.stringMatching(/\/run\/call$/) as string,
      'content-type': 'application/json',
    });
    expect(events).toMatchObject([{ type: 'http_answered', step: 'call', source: 'http' }]);
  });

  it('resolves secrets in headers and body, and masks them where the service repeats them', async () => {
    const { fake, events } = world();
    fake.on({ 'GET /me': ({ headers }) => ({ body: { you: headers['authorization'] } }) });
    const result = await request({ url: `${fake.url}/me`, headers: { Authorization: { $secret: 'api-token' } } });
    expect(fake.requests[0]?.headers['authorization']).toBe(SECRET);
    expect(result).toMatchObject({ body: { you: '***' } });
    expect(JSON.stringify(events)).not.toContain(SECRET);
  });

  it('names a secret that is not there', async () => {
    const { fake } = world();
    const error = await failure(request({ url: `${fake.url}/me`, headers: { 'X-Key': { $secret: 'nope' } } }));
    expect(error).toMatchObject({ type: 'NotFound', nonRetryable: true });
    expect(fake.requests).toHaveLength(0);
  });

  it('lets a 500 be tried again, and not a 404', async () => {
    const { fake } = world();
    fake.on({ 'GET /a': [{ status: 500, body: 'oops' }, { body: 'fine' }], 'GET /b': { status: 404 } });
    expect(await failure(request({ url: `${fake.url}/a` }))).toMatchObject({
      type: 'UpstreamFailed',
      nonRetryable: false,
      details: [{ status: 500, body: 'oops' }],
    });
    expect(await request({ url: `${fake.url}/a` })).toMatchObject({ status: 200, body: 'fine' });
    expect(await failure(request({ url: `${fake.url}/b` }))).toMatchObject({
      type: 'UpstreamFailed',
      nonRetryable: true,
    });
  });

  it('waits as long as Retry-After says', async () => {
    const { fake } = world();
    fake.on({ 'GET /a': { status: 429, headers: { 'retry-after': '7' } } });
    expect(await failure(request({ url: `${fake.url}/a` }))).toMatchObject({
      nonRetryable: false,
      nextRetryDelay: 7_000,
    });
  });

  it('gives up on a slow answer', async () => {
    const { fake } = world();
    fake.on({ 'GET /a': { delayMs: 2_000 } });
    const error = await failure(request({ url: `${fake.url}/a`, timeout: 100 }));
    expect(error).toMatchObject({ type: 'TimedOut', message: expect.stringContaining('within 100 ms') as string });
  });

  it('takes half a page for no answer', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-length': '1000', 'content-type': 'application/json' });
      response.write('{"half":');
      setTimeout(() => response.socket?.destroy(), 20);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const error = await failure(request({ url: `http://127.0.0.1:${port}/a` }));
      expect(error).toMatchObject({ type: 'UpstreamFailed', nonRetryable: false });
    } finally {
      server.close();
    }
  });

  it('cuts a body that is too long and says so', async () => {
    const { fake, events } = world();
    fake.on({ 'GET /a': { body: 'x'.repeat(300 * 1024) } });
    const result = (await request({ url: `${fake.url}/a` })) as { body: string };
    expect(result.body).toHaveLength(256 * 1024);
    expect(events[0]).toMatchObject({ level: 'warning', message: expect.stringContaining('body cut') as string });
  });

  it('does not follow a redirect, which would carry the headers elsewhere', async () => {
    const { fake } = world();
    fake.on({ 'GET /a': { status: 302, headers: { location: `${fake.url}/b?token=x` } } });
    const error = await failure(request({ url: `${fake.url}/a` }));
    expect(error.message).toContain(`redirects to ${fake.url}/b, which is not followed`);
    expect(fake.requests).toHaveLength(1);
  });

  it('refuses credentials in the URL, and shows no query', async () => {
    const { fake, events } = world();
    const error = await failure(request({ url: `http://user:secretword@127.0.0.1:${fake.port}/a?token=abcd1234` }));
    expect(error).toMatchObject({ type: 'InlineCredentialsRefused', nonRetryable: true });
    expect(JSON.stringify([error.message, events])).not.toMatch(/secretword|abcd1234/);
  });

  it('says that nobody listens', async () => {
    const { fake } = world();
    await fake.close();
    const error = await failure(request({ url: `${fake.url}/a` }));
    expect(error).toMatchObject({ type: 'UpstreamFailed', message: expect.stringContaining('ECONNREFUSED') as string });
  });

  it('ends the request when the activity is cancelled', async () => {
    const { fake } = world();
    fake.on({ 'GET /a': { delayMs: 5_000 } });
    const env = new MockActivityEnvironment({ attempt: 1 });
    const running = world().call('httpRequest', { url: `${fake.url}/a` }, { env });
    setTimeout(() => env.cancel('CANCELLED'), 50);
    await expect(running).rejects.toThrow('CANCELLED');
  });
});

describe('checkHealth', () => {
  it('asks until every URL was well often enough in a row', async () => {
    const { fake } = world();
    fake.on({ 'GET /a': [{}, { status: 500 }, {}], 'GET /b': {} });
    const urls = [`${fake.url}/a`, `${fake.url}/b`];
    const result = await health({ urls, successes: 2, interval: 10, within: 5_000 });
    expect(result).toMatchObject({ healthy: urls, checks: 4 });
  });

  it('fails the gate with required and observed when the time is up', async () => {
    const { fake } = world();
    fake.on({ 'GET /a': { body: { status: 'starting' } }, 'GET /b': {} });
    const error = await failure(
      health({ urls: [`${fake.url}/a`, `${fake.url}/b`], expectJson: { status: 'ok' }, interval: 10, within: 100 }),
    );
    expect(error).toMatchObject({
      type: 'GateFailed',
      nonRetryable: true,
      details: [{ failing: [{ observed: 'status is "starting"' }, { observed: 'status is missing' }] }],
    });
  });

  it('counts a slow or broken answer as bad, not as the end', async () => {
    const { fake } = world();
    fake.on({ 'GET /a': [{ drop: true }, {}] });
    expect(await health({ urls: [`${fake.url}/a`], interval: 10, within: 5_000 })).toMatchObject({ checks: 2 });
  });

  it('goes on with the time that is left when another worker takes over', async () => {
    const { fake } = world();
    fake.on({ 'GET /a': { status: 503 } });
    const env = new MockActivityEnvironment({
      attempt: 2,
      heartbeatDetails: { startedAt: Date.now() - 60_000, checks: 9 },
    });
    const input = { urls: [`${fake.url}/a`], within: '30s' };
    expect(await failure(world().call('checkHealth', input, { env }))).toMatchObject({ type: 'GateFailed' });
    expect(fake.requests).toHaveLength(1);
  });
});

describe('notify', () => {
  it('posts text and fields', async () => {
    const { fake } = world();
    fake.on({ 'POST /hook': {} });
    expect(await notify({ url: `${fake.url}/hook`, text: 'done', fields: { env: 'dev' } })).toEqual({
      delivered: true,
      warning: null,
    });
    expect(fake.requests[0]?.json).toEqual({ text: 'done', fields: { env: 'dev' } });
  });

  it('takes a webhook whose URL is a secret, and never shows its path', async () => {
    const { fake, events } = world();
    fake.on({ 'POST /hook/s3cr3t-path': [{ status: 500 }, {}] });
    const input = { url: { $secret: 'hook' }, text: 'done' };
    const error = await failure(notify(input));
    expect(error.message).toContain('the webhook at 127.0.0.1');
    expect(await notify(input)).toMatchObject({ delivered: true });
    expect(JSON.stringify([error.message, events])).not.toContain('s3cr3t-path');
  });

  it('fails like any request when the webhook refuses', async () => {
    const { fake } = world();
    fake.on({ 'POST /hook': { status: 403 } });
    expect(await failure(notify({ url: `${fake.url}/hook`, text: 'done' }))).toMatchObject({ type: 'UpstreamFailed' });
  });
});
