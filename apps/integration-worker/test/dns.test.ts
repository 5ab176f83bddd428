import { hostedZone } from '@switchyard/testkit';
import { describe, expect, it } from 'vitest';
import { failure, lost, SECRET, TOKEN, useWorld } from './world.js';

const world = useWorld();

const CHANGE = 'POST /2013-04-01/hostedzone/Z1/rrset';
const route53 = (more: object = {}): object => ({
  zone: 'Z1',
  accessKeyId: { $secret: 'api-token' },
  secretAccessKey: TOKEN,
  endpoint: world().fake.url,
  ...more,
});
const cutover = (more: object = {}, target: object = {}): object => ({
  route53: route53(target),
  name: 'app.example.com',
  type: 'A',
  values: ['10.0.0.2'],
  ttl: 60,
  ...more,
});

describe('records of Route 53', () => {
  it('are made what is said, with what stood there before, and signed', async () => {
    const sets = hostedZone(world().fake, new Map([['app.example.com A', { ttl: 300, values: ['10.0.0.1'] }]]));
    const { call, asked } = world();
    expect(await call('keepDnsRecord', cutover())).toEqual({
      changed: true,
      before: { values: ['10.0.0.1'], ttl: 300 },
      after: { values: ['10.0.0.2'], ttl: 60 },
      inSync: null,
    });
    expect(sets.get('app.example.com A')).toEqual({ ttl: 60, values: ['10.0.0.2'] });
    expect(asked(CHANGE)[0]?.headers['authorization']).toMatch(/^AWS4-HMAC-SHA256 Credential=tok-3f9a7c21\//);
  });

  it('are left alone when they say so already, in another order too', async () => {
    hostedZone(world().fake, new Map([['app.example.com A', { ttl: 60, values: ['10.0.0.3', '10.0.0.2'] }]]));
    const { call, asked } = world();
    const result = await call('keepDnsRecord', cutover({ values: ['10.0.0.2', '10.0.0.3'] }));
    expect(result).toMatchObject({ changed: false });
    expect(asked(CHANGE)).toEqual([]);
  });

  it('tell what stood there before also when the answer to the change was lost', async () => {
    hostedZone(world().fake, new Map([['app.example.com A', { ttl: 300, values: ['10.0.0.1'] }]]), {
      losesFirst: true,
    });
    const { call, asked } = world();
    expect(await failure(call('keepDnsRecord', cutover()))).toMatchObject({
      type: 'UpstreamFailed',
      nonRetryable: false,
    });
    expect(await call('keepDnsRecord', cutover())).toMatchObject({
      changed: true,
      before: { values: ['10.0.0.1'], ttl: 300 },
    });
    expect(asked(CHANGE)).toHaveLength(1);
  });

  it('are found by the name of their zone, waited for, and removed once', async () => {
    const sets = hostedZone(world().fake, new Map(), { sync: ['PENDING'] });
    const { call } = world();
    const target = { zone: 'example.com', waitForSync: '10s' };
    const text = { name: '*.example.com', type: 'TXT', values: ['v=spf1 "x" -all'] };
    expect(await call('keepDnsRecord', cutover(text, target))).toMatchObject({ before: null, inSync: true });
    expect(sets.get('*.example.com TXT')?.values).toEqual([String.raw`"v=spf1 \"x\" -all"`]);
    const gone = cutover({ ...text, values: [], action: 'delete' }, target);
    expect(await world().call('keepDnsRecord', gone, { step: 'undo' })).toMatchObject({
      changed: true,
      before: { values: ['v=spf1 "x" -all'], ttl: 60 },
      after: null,
    });
    expect(sets.size).toBe(0);
    expect(await world().call('keepDnsRecord', gone, { step: 'again' })).toMatchObject({ changed: false });
  });

  it.each([
    ['NoSuchHostedZone', 404, 'NotFound', true],
    ['AccessDenied', 403, 'AuthFailed', true],
    ['Throttling', 400, 'UpstreamFailed', false],
    ['InvalidInput', 400, 'UpstreamFailed', true],
    ['ServiceUnavailable', 503, 'UpstreamFailed', false],
  ])('fail by what Route 53 says: %s', async (code, status, type, nonRetryable) => {
    const { fake, call } = world();
    fake.on({
      'GET /2013-04-01/hostedzone/Z1/rrset': {
        status,
        headers: { 'content-type': 'text/xml' },
        body: `<?xml version="1.0"?><ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
      },
    });
    const failed = await failure(call('keepDnsRecord', cutover()));
    expect(failed).toMatchObject({ type, nonRetryable, message: expect.stringContaining(code) as string });
    expect(JSON.stringify([failed.message, failed.details])).not.toContain(SECRET);
  });

  it('name a zone that is not there', async () => {
    hostedZone(world().fake, new Map());
    const failed = await failure(world().call('keepDnsRecord', cutover({}, { zone: 'example.org' })));
    expect(failed).toMatchObject({ type: 'NotFound', message: 'Route 53 has no hosted zone example.org' });
  });
});

describe('records of GoDaddy', () => {
  const PATH = '/v1/domains/example.com/records/A/app';
  const godaddy = (more: object = {}): object => ({
    godaddy: { domain: 'example.com', key: { $secret: 'api-token' }, secret: TOKEN, url: world().fake.url },
    name: 'app.example.com',
    type: 'A',
    values: ['10.0.0.2'],
    ttl: 600,
    ...more,
  });

  it('are replaced as a whole, also after a lost answer', async () => {
    const { fake, call, asked } = world();
    let kept: object[] = [{ type: 'A', name: 'app', data: '10.0.0.1', ttl: 600 }];
    fake.on({
      [`GET ${PATH}`]: () => ({ body: kept }),
      [`PUT ${PATH}`]: ({ json }) => {
        kept = json as object[];
        return lost;
      },
    });
    expect(await failure(call('keepDnsRecord', godaddy()))).toMatchObject({ nonRetryable: false });
    expect(await call('keepDnsRecord', godaddy())).toMatchObject({
      changed: true,
      before: { values: ['10.0.0.1'], ttl: 600 },
      after: { values: ['10.0.0.2'], ttl: 600 },
    });
    expect(asked(`PUT ${PATH}`).map(({ json }) => json)).toEqual([[{ data: '10.0.0.2', ttl: 600 }]]);
    expect(asked(`PUT ${PATH}`)[0]?.headers['authorization']).toBe(`sso-key ${SECRET}:${SECRET}`);
  });

  it('take priorities of mail, the domain itself as @, and are removed', async () => {
    const { fake, call, asked } = world();
    const MX = '/v1/domains/example.com/records/MX/%40';
    fake.on({
      [`GET ${MX}`]: { body: [{ data: 'old.example.com', ttl: 600, priority: 5 }] },
      [`PUT ${MX}`]: {},
      [`DELETE ${MX}`]: { status: 204 },
    });
    const mail = godaddy({ name: 'example.com.', type: 'MX', values: ['10 mail.example.com'] });
    expect(await call('keepDnsRecord', mail)).toMatchObject({ before: { values: ['5 old.example.com'] } });
    expect(asked(`PUT ${MX}`)[0]?.json).toEqual([{ data: 'mail.example.com', priority: 10, ttl: 600 }]);
    expect(await call('keepDnsRecord', { ...mail, action: 'delete' }, { step: 'undo' })).toMatchObject({ after: null });
    expect(asked(`DELETE ${MX}`)).toHaveLength(1);
  });

  it('wait as long as the body of a 429 says', async () => {
    const { fake, call } = world();
    fake.on({
      [`GET ${PATH}`]: { status: 429, body: { code: 'TOO_MANY_REQUESTS', message: 'slow', retryAfterSec: 30 } },
    });
    expect(await failure(call('keepDnsRecord', godaddy()))).toMatchObject({ nextRetryDelay: 30_000 });
  });

  it.each([
    [{ name: 'app.example.org' }, 'InvalidInput', 'not within the domain'],
    [{ type: 'CAA' }, 'InvalidInput', 'keep them with Terraform'],
    [{}, 'NotFound', 'does not know the domain'],
  ])('refuse what cannot be (%#)', async (more, type, message) => {
    const { fake, call } = world();
    fake.on({ [`GET ${PATH}`]: { status: 404, body: { code: 'UNKNOWN_DOMAIN', message: 'x' } } });
    const failed = await failure(call('keepDnsRecord', godaddy(more)));
    expect(failed).toMatchObject({ type, message: expect.stringContaining(message) as string });
  });
});
