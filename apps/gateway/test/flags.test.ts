import { booleanFlag, flagDefinitionSchema, writeFlag } from '@switchyard/flags';
import { laggards } from '@switchyard/store';
import { waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type GatewayProcess } from './gateway-process.js';
import { call, newName, useWorld } from './world.js';

const world = useWorld();
let gateway: GatewayProcess;
beforeAll(async () => {
  gateway = await startGateway({ env: world().env });
});
afterAll(async () => {
  expect(await gateway.stop()).toBe(0);
});

const evaluate = (key: string, body: unknown = {}) =>
  call('POST', `${gateway.url}/ofrep/v1/evaluate/flags/${key}`, { body });
const evaluateAll = (body: unknown = {}, headers: Record<string, string> = {}) =>
  call('POST', `${gateway.url}/ofrep/v1/evaluate/flags`, { body, headers });
const report = (body: unknown) => call('POST', `${gateway.url}/flags/v1/instances`, { body });
const look = (path: string) => call('GET', `${gateway.url}/flags/v1/${path}`);

/** Sets a flag and waits until the gateway knows it. */
async function set(key: string, definition = booleanFlag(100)): Promise<number> {
  const { version } = await world().set(key, definition);
  await waitFor(async () => ((await look(`flags/${key}`)).body as { version?: number }).version === version, {
    what: `the gateway to know version ${version} of ${key}`,
  });
  return version;
}

describe("OpenFeature's remote evaluation protocol", () => {
  it('gives value, variant, reason and version of a flag', async () => {
    const key = newName('flag');
    const version = await set(key, writeFlag('both-prefer-new'));
    expect(await evaluate(key)).toMatchObject({
      status: 200,
      body: { key, value: 'both', variant: 'both-prefer-new', reason: 'STATIC', metadata: { version } },
    });
  });

  it('draws by the targeting key and follows rules over the rest of the context', async () => {
    const key = newName('flag');
    await set(
      key,
      flagDefinitionSchema.parse({
        ...booleanFlag(50),
        rules: [{ attribute: 'plan', equals: 'beta', variant: 'on' }],
      }),
    );
    const of = async (context: Record<string, unknown>) => (await evaluate(key, { context })).body;
    expect(await of({ plan: 'beta' })).toMatchObject({ value: true, reason: 'TARGETING_MATCH' });
    const drawn = await Promise.all(Array.from({ length: 40 }, (_, i) => of({ targetingKey: `user-${i}` })));
    expect(drawn).toContainEqual(expect.objectContaining({ value: true, variant: 'on', reason: 'SPLIT' }));
    expect(drawn).toContainEqual(expect.objectContaining({ value: false, variant: 'off', reason: 'SPLIT' }));
  });

  it('refuses in the words of the protocol', async () => {
    const key = newName('flag');
    await set(key, booleanFlag(50));
    const none = newName('none');
    expect(await evaluate(none)).toMatchObject({ status: 404, body: { key: none, errorCode: 'FLAG_NOT_FOUND' } });
    const refused = { status: 400, body: { key } };
    expect(await evaluate(key)).toMatchObject({ ...refused, body: { errorCode: 'TARGETING_KEY_MISSING' } });
    expect(await evaluate(key, { context: { targetingKey: 7 } })).toMatchObject({
      ...refused,
      body: { errorCode: 'INVALID_CONTEXT' },
    });
    expect(await evaluate(key, { context: 'ada' })).toMatchObject({
      ...refused,
      body: { errorCode: 'INVALID_CONTEXT' },
    });
    expect(await evaluate(key, '{"context":')).toMatchObject({ ...refused, body: { key, errorCode: 'PARSE_ERROR' } });
    const long = { context: { targetingKey: 'x'.repeat(100_000) } };
    expect(await evaluate(key, long)).toMatchObject({ status: 413, body: { key, errorCode: 'GENERAL' } });
  });

  it('gives all flags at once, and 304 until one of them changes for this caller', async () => {
    const key = newName('flag');
    await set(key, booleanFlag(0));
    const context = { targetingKey: 'ada' };
    const first = await evaluateAll({ context });
    const tag = first.headers.get('etag') ?? '';
    expect(first.body).toMatchObject({
      flags: expect.arrayContaining([expect.objectContaining({ key, value: false, reason: 'STATIC' })]),
    });
    for (const value of [tag, `"x", W/${tag}`, '*']) {
      const again = await evaluateAll({ context }, { 'if-none-match': value });
      expect(again).toMatchObject({ status: 304, body: null });
      expect(again.headers.get('etag')).toBe(tag);
    }
    await set(key, booleanFlag(100));
    const changed = await evaluateAll({ context }, { 'if-none-match': tag });
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({
      flags: expect.arrayContaining([expect.objectContaining({ key, value: true })]),
    });
    // A flag that cannot be given to this caller does not keep the others from him.
    const drawn = newName('drawn');
    await set(drawn, booleanFlag(50));
    expect((await evaluateAll()).body).toMatchObject({
      flags: expect.arrayContaining([
        expect.objectContaining({ key: drawn, errorCode: 'TARGETING_KEY_MISSING' }),
        expect.objectContaining({ key, value: true }),
      ]),
    });
  });

  it('tells providers what they may adapt to', async () => {
    const url = `${gateway.url}/ofrep/v1/configuration`;
    const answer = await call('GET', url);
    expect(answer).toMatchObject({
      status: 200,
      body: { name: 'switchyard', capabilities: { flagEvaluation: { supportedTypes: ['boolean', 'string'] } } },
    });
    const headers = { 'if-none-match': answer.headers.get('etag') ?? '' };
    expect((await call('GET', url, { headers })).status).toBe(304);
  });
});

describe('instances', () => {
  it('acknowledge by their reports, and are told their lease and the versions that flags have', async () => {
    const [key, service] = [newName('flag'), newName('shop')];
    const old = await set(key, booleanFlag(0));
    const body = { service, instance: 'a', flags: { [key]: old } };
    expect(await report(body)).toMatchObject({ status: 200, body: { leaseMs: 10_000, versions: { [key]: old } } });
    const version = await set(key, booleanFlag(10));
    expect(await laggards(world().db, { key, version, services: [service] })).toMatchObject([
      { behind: [{ instance: 'a', version: old }] },
    ]);
    expect((await look(`flags/${key}`)).body).toMatchObject({
      key,
      version,
      rollout: { variant: 'on', percent: 10 },
      owner: 'test',
      instances: [{ service, instance: 'a', version: old, isAcknowledged: false }],
    });
    await report({ ...body, flags: { [key]: version } });
    expect(await laggards(world().db, { key, version, services: [service] })).toEqual([]);
    expect((await look(`flags/${key}`)).body).toMatchObject({ instances: [{ isAcknowledged: true }] });
  });

  it('are refused when they begin with an old version, and may say goodbye', async () => {
    const [key, service] = [newName('flag'), newName('shop')];
    const old = await set(key, booleanFlag(0));
    const version = await set(key, booleanFlag(10));
    const late = { service, instance: 'late', flags: { [key]: old } };
    expect(await report(late)).toMatchObject({
      status: 409,
      body: {
        code: 'PreflightRefused',
        versions: { [key]: version },
        behind: [key],
        message: expect.stringContaining(key),
      },
    });
    expect((await report({ ...late, flags: { [key]: version } })).status).toBe(200);
    const gone = await call('DELETE', `${gateway.url}/flags/v1/instances/${service}/late`);
    expect(gone).toMatchObject({ status: 204, body: null });
    expect((await look(`flags/${key}`)).body).toMatchObject({ instances: [] });
  });

  it.each([
    ['no JSON', '{', 'JSON'],
    ['no service', { instance: 'a', flags: {} }, 'service'],
    ['a name that cannot stand in an address', { service: 'a/b', instance: 'a', flags: {} }, 'service'],
    ['a version that is none', { service: 'a', instance: 'a', flags: { f: -1 } }, 'flags'],
    ['a field that is not known', { service: 'a', instance: 'a', flags: {}, lease: 1 }, 'lease'],
    [
      'more mismatches than comparisons',
      { service: 'a', instance: 'a', flags: {}, shadowReads: { f: { version: 1, compared: 0, mismatched: 1 } } },
      'mismatches',
    ],
  ])('are told what is wrong with a report: %s', async (_title, body, word) => {
    expect(await report(body)).toMatchObject({
      status: 400,
      body: { code: 'InvalidInput', message: expect.stringContaining(word) },
    });
  });
});

describe('flags', () => {
  it('can be looked at, all or one', async () => {
    const key = newName('flag');
    const version = await set(key, writeFlag('old'));
    expect((await look('flags')).body).toMatchObject({
      flags: expect.arrayContaining([
        expect.objectContaining({
          key,
          kind: 'string',
          variants: expect.objectContaining({ 'both-prefer-new': 'both' }),
          version,
          reason: 'a test',
        }),
      ]),
    });
    expect(await look(`flags/${newName('none')}`)).toMatchObject({ status: 404, body: { code: 'NotFound' } });
    expect(await look('nothing')).toMatchObject({ status: 404, body: { code: 'NotFound' } });
  });
});

describe('health', () => {
  it('tells that the gateway lives and is ready, and counts what it does by route', async () => {
    await evaluate(newName('none'));
    expect((await call('GET', `${gateway.url}/live`)).status).toBe(200);
    expect(await call('GET', `${gateway.url}/ready`)).toMatchObject({ status: 200, body: { state: 'RUNNING' } });
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toMatch(
      /switchyard_gateway_request_seconds_count\{.*route="\/ofrep\/v1\/evaluate\/flags\/:key".*\} \d/,
    );
    expect(metrics).toContain('switchyard_gateway_flags_age_seconds 0.');
    expect(metrics).toMatch(/switchyard_gateway_flag_evaluations_total\{.*outcome="both-prefer-new"\} \d/);
    expect(metrics).toMatch(/switchyard_gateway_instance_reports_total\{.*outcome="refused"\} 1/);
  });
});
