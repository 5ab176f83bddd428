import { booleanFlag } from '@switchyard/flags';
import { startTcpProxy, waitFor, type TcpProxy } from '@switchyard/testkit';
import { describe, expect, it } from 'vitest';
import { spawnGateway, startGateway, type GatewayProcess } from './gateway-process.js';
import { call, newName, useWorld } from './world.js';

const world = useWorld();

/** A gateway that reaches the store through a proxy, with a lease that a test can outlive. */
async function behindProxy(proxy: TcpProxy): Promise<GatewayProcess> {
  const env = { ...world().env, DB_PORT: String(proxy.port), SWITCHYARD_FLAG_LEASE: '1500ms' };
  return startGateway({ env });
}

const evaluate = ({ url }: GatewayProcess, key: string) =>
  call('POST', `${url}/ofrep/v1/evaluate/flags/${key}`, { body: {} });
const valueOf = async (gateway: GatewayProcess, key: string): Promise<unknown> =>
  ((await evaluate(gateway, key)).body as { value?: unknown }).value;

describe('a gateway that loses the store', () => {
  it('answers with errors and never with old values once its lease is over, and comes back by itself', async () => {
    const key = newName('flag');
    await world().set(key, booleanFlag(0));
    await using proxy = await startTcpProxy(world().port);
    await using gateway = await behindProxy(proxy);
    await waitFor(async () => (await valueOf(gateway, key)) === false, { what: 'the flag' });
    proxy.refuse();
    await world().set(key, booleanFlag(100));
    await waitFor(async () => (await evaluate(gateway, key)).status === 503, { what: 'the lease to end' });
    expect(await evaluate(gateway, key)).toMatchObject({ body: { key, errorCode: 'GENERAL' } });
    expect((await call('GET', `${gateway.url}/ready`)).body).toEqual({ state: 'STALE' });
    expect((await call('GET', `${gateway.url}/live`)).status).toBe(200);
    expect(await call('GET', `${gateway.url}/flags/v1/flags`)).toMatchObject({
      status: 503,
      body: { code: 'DatabaseUnreachable' },
    });
    const report = { service: 'shop', instance: 'a', flags: {} };
    expect(await call('POST', `${gateway.url}/flags/v1/instances`, { body: report })).toMatchObject({
      status: 503,
      body: { code: 'DatabaseUnreachable', message: expect.not.stringContaining(String(proxy.port)) },
    });
    proxy.cut();
    await waitFor(async () => (await valueOf(gateway, key)) === true, { what: 'the gateway to come back' });
    expect((await call('GET', `${gateway.url}/ready`)).status).toBe(200);
    expect(await gateway.stop()).toBe(0);
  });

  it('takes nothing for fresh that came through a connection which hangs', async () => {
    const key = newName('flag');
    await world().set(key, booleanFlag(0));
    await using proxy = await startTcpProxy(world().port);
    await using gateway = await behindProxy(proxy);
    await waitFor(async () => (await valueOf(gateway, key)) === false, { what: 'the flag' });
    proxy.swallowAnswers();
    await waitFor(async () => (await evaluate(gateway, key)).status === 503, { what: 'the lease to end' });
    expect(await evaluate(gateway, key)).toMatchObject({ status: 503 });
    proxy.cut();
    await waitFor(async () => (await valueOf(gateway, key)) === false, { what: 'the gateway to come back' });
  });

  it('gives no old value after it was stopped for longer than its lease', async () => {
    const key = newName('flag');
    await world().set(key, booleanFlag(0));
    await using proxy = await startTcpProxy(world().port);
    await using gateway = await behindProxy(proxy);
    await waitFor(async () => (await valueOf(gateway, key)) === false, { what: 'the flag' });
    gateway.signal('SIGSTOP');
    proxy.refuse();
    await world().set(key, booleanFlag(100));
    // Waiting for it, the request is the first thing that the gateway meets when it wakes.
    const asked = evaluate(gateway, key);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    gateway.signal('SIGCONT');
    expect(await asked).toMatchObject({ status: 503 });
  });
});

describe('a gateway', () => {
  it('hears of changes although its listening connection was killed', async () => {
    const key = newName('flag');
    await using gateway = await startGateway({ env: world().env });
    await waitFor(() => kill(), { what: 'a listening connection' });
    await world().set(key, booleanFlag(100));
    await waitFor(async () => (await valueOf(gateway, key)) === true, { what: 'the change' });
    expect(await gateway.stop()).toBe(0);
  });

  it('refuses to start on tables that it does not know, and on a port that is taken', async () => {
    await using gateway = await startGateway({ env: world().env });
    const taken = spawnGateway({ env: { ...world().env, SWITCHYARD_GATEWAY_PORT: new URL(gateway.url).port } });
    expect(await taken.ended).toBe(2);
    expect(taken.output()).toContain('change SWITCHYARD_GATEWAY_HOST or SWITCHYARD_GATEWAY_PORT');
    const empty = spawnGateway({ env: { ...world().env, DB_NAME_SERVER: 'postgres' } });
    expect(await empty.ended).toBe(1);
    expect(empty.output()).toContain('run the migration of this release first');
  });
});

async function kill(): Promise<boolean> {
  const { rows } = await world().db.raw<{ rows: unknown[] }>(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'listen %'`,
  );
  return rows.length > 0;
}
