import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { spawnGateway, startGateway } from './gateway-process.js';
import { call, useWorld } from './world.js';

const world = useWorld();
const TOKEN = 'a-token-that-nobody-guesses-in-time';

/** The status of a request under another name. */
function statusUnder(host: string, url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

describe('without a token', () => {
  it('the gateway refuses to listen where others reach it', async () => {
    const { ended, output } = spawnGateway({ env: { ...world().env, SWITCHYARD_GATEWAY_HOST: '0.0.0.0' } });
    expect(await ended).toBe(2);
    expect(output()).toContain('set SWITCHYARD_GATEWAY_TOKEN');
  });

  it('answers callers of this machine, and no page that gave the gateway a name of its own', async () => {
    await using gateway = await startGateway({ env: world().env });
    const { port } = new URL(gateway.url);
    const flags = `${gateway.url}/flags/v1/flags`;
    for (const host of ['127.0.0.1', 'localhost', '[::1]'])
      expect(await statusUnder(`${host}:${port}`, flags)).toBe(200);
    expect(await statusUnder(`evil.example:${port}`, flags)).toBe(401);
    expect(await statusUnder(`evil.example:${port}`, `${gateway.url}/ready`)).toBe(200);
  });
});

describe('with a token', () => {
  it('only those who send it are answered, in the words of each protocol, and the log never shows it', async () => {
    const env = {
      ...world().env,
      SWITCHYARD_GATEWAY_TOKEN: TOKEN,
      SWITCHYARD_GATEWAY_HOST: '0.0.0.0',
      SWITCHYARD_LOG_LEVEL: 'trace',
    };
    await using gateway = await startGateway({ env });
    const evaluation = `${gateway.url}/ofrep/v1/evaluate/flags/f`;
    const flags = `${gateway.url}/flags/v1/flags`;
    for (const authorization of ['', 'Bearer x', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, TOKEN]) {
      const headers = { authorization };
      expect(await call('GET', flags, { headers })).toMatchObject({ status: 401, body: { code: 'AuthFailed' } });
      expect(await call('POST', evaluation, { body: {}, headers })).toMatchObject({
        status: 401,
        body: { key: 'f', errorCode: 'GENERAL' },
      });
    }
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect((await call('GET', flags, { headers })).status).toBe(200);
    expect((await call('POST', evaluation, { body: {}, headers })).status).toBe(404);
    expect((await call('GET', `${gateway.url}/ready`)).status).toBe(200);
    expect(await gateway.stop()).toBe(0);
    expect(gateway.output()).not.toContain(TOKEN);
  });

  it('a token that is easily guessed is refused, and not shown', async () => {
    const { ended, output } = spawnGateway({ env: { ...world().env, SWITCHYARD_GATEWAY_TOKEN: 'hunter2' } });
    expect(await ended).toBe(2);
    expect(output()).toContain('SWITCHYARD_GATEWAY_TOKEN: is shorter than 24 characters');
    expect(output()).not.toContain('hunter2');
  });
});
