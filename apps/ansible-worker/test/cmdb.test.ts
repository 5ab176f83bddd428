import type { CodedError } from '@switchyard/contracts';
import { fakeHttp, type FakeRoutes } from '@switchyard/testkit';
import { describe, expect, test } from 'vitest';
import { AskedWaits } from '../src/inventory/asked-waits.js';
import { fetchCmdb } from '../src/inventory/fetch-cmdb.js';

const host = (name: string, role = 'web') => ({ name, ip: '10.0.0.1', user: 'ops', role });
const forever = new AbortController().signal;

/** Asks a CMDB with these routes; gives the hosts' names and what the server saw. */
async function ask(
  routes: FakeRoutes,
  more: { timeout?: number; attempts?: number; signal?: AbortSignal; mostWaitMs?: number } = {},
) {
  await using cmdb = await fakeHttp(routes);
  const { timeout = 5_000, attempts = 4, signal = forever } = more;
  const told: string[] = [];
  const say = async (type: string, message: string) => void told.push(`${type} ${message.replace(cmdb.url, '')}`);
  const waits = new AskedWaits({ say }, more.mostWaitMs);
  const source = { url: `${cmdb.url}/api/`, timeout, attempts };
  const outcome = await fetchCmdb(source, 'token-of-the-cmdb', signal, waits).then(
    (hosts) => ({ hosts: hosts.map(({ name }) => name), error: undefined }),
    (error: CodedError) => ({ hosts: undefined, error }),
  );
  return { ...outcome, told, requests: cmdb.requests };
}

describe('a CMDB', () => {
  test('is asked with the token for page after page, and fields that nobody needs are left out', async () => {
    const { hosts, requests } = await ask({
      'GET /api/hosts': ({ query }) =>
        query['page'] === '2'
          ? { body: { hosts: [host('c')], next: null, total: 3 } }
          : { body: { hosts: [{ ...host('a'), rack: 7 }, host('b')], next: '?page=2', total: 3 } },
    });
    expect(hosts).toEqual(['a', 'b', 'c']);
    expect(requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer token-of-the-cmdb',
      'Bearer token-of-the-cmdb',
    ]);
  });

  test('that answers 500, then slowly, then with half a page, then well, gives all of its hosts', async () => {
    const whole = JSON.stringify({ hosts: [host('a'), host('b')] });
    const { hosts, requests } = await ask(
      {
        'GET /api/hosts': [
          { status: 500, body: 'no' },
          { body: { hosts: [host('late')] }, delayMs: 4_000 },
          { body: whole.slice(0, whole.length / 2), headers: { 'content-type': 'application/json' } },
          { body: whole },
        ],
      },
      { timeout: 1_500 },
    );
    expect(hosts).toEqual(['a', 'b']);
    expect(requests).toHaveLength(4);
  });

  test('whose second page never comes whole gives nothing, not the first page', async () => {
    const { hosts, error, requests } = await ask(
      {
        'GET /api/hosts': ({ query }) =>
          query['page'] === '2' ? { body: '{"hosts": [{"na' } : { body: { hosts: [host('a')], next: '?page=2' } },
      },
      { attempts: 2 },
    );
    expect(hosts).toBeUndefined();
    expect(error).toMatchObject({ code: 'UpstreamFailed', retryable: false });
    expect(error?.message).toMatch(/no whole JSON, 2 attempts$/);
    expect(requests).toHaveLength(3);
  });

  test('fails with TimedOut when its answers are too slow', async () => {
    const { error, requests } = await ask(
      { 'GET /api/hosts': { delayMs: 1_500, body: { hosts: [] } } },
      { attempts: 2, timeout: 200 },
    );
    expect(error).toMatchObject({ code: 'TimedOut', retryable: false });
    expect(error?.message).toMatch(/did not answer within 200 ms, 2 attempts/);
    expect(requests.length).toBeLessThanOrEqual(2);
  });

  test.each([
    ['AuthFailed', { status: 401 }, /answered 401/, 1],
    ['UpstreamFailed', { status: 404 }, /answered 404/, 1],
    ['UpstreamFailed', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, /answered 302/, 1],
    ['UpstreamFailed', { status: 503 }, /answered 503, 2 attempts/, 2],
    ['UpstreamFailed', { drop: true }, /no complete answer/, 2],
    ['AnsibleInventoryInvalid', { body: { host: [] } }, /hosts/, 1],
    ['AnsibleInventoryInvalid', { body: { hosts: [host('a b')] } }, /name of a host/, 1],
    ['AnsibleInventoryInvalid', { body: { hosts: [host('a')], total: 2 } }, /2 hosts, and its pages held 1/, 1],
    ['AnsibleInventoryInvalid', { body: { hosts: [host('a'), host('a', 'db')] } }, /"a" comes twice/, 1],
    ['AnsibleInventoryInvalid', { body: { hosts: [], next: 'http://127.0.0.2/hosts' } }, /another server/, 1],
    ['AnsibleInventoryInvalid', { body: { hosts: [], next: '/api/hosts' } }, /no end/, 1],
  ] as const)('fails with %s for %j', async (code, answer, message, count) => {
    const { error, requests } = await ask({ 'GET /api/hosts': answer }, { attempts: 2 });
    expect(error).toMatchObject({ code, retryable: false });
    expect(error?.message).toMatch(message);
    expect(error?.message).not.toContain('token-of-the-cmdb');
    expect(requests).toHaveLength(count);
  });

  test('is left alone at once when the run is cancelled', async () => {
    const cancel = new AbortController();
    const { error, requests } = await ask(
      {
        'GET /api/hosts': () => {
          cancel.abort(new Error('cancelled'));
          return { status: 500 };
        },
      },
      { signal: cancel.signal },
    );
    expect(error?.message).toBe('cancelled');
    expect(requests).toHaveLength(1);
  });

  test.each([429, 503])('that answers %i is not asked again before the time that Retry-After names', async (status) => {
    const asked: number[] = [];
    const { hosts, told } = await ask({
      'GET /api/hosts': () => {
        asked.push(performance.now());
        return asked.length === 1 ? { status, headers: { 'retry-after': '1' } } : { body: { hosts: [host('a')] } };
      },
    });
    expect(hosts).toEqual(['a']);
    expect(asked).toHaveLength(2);
    // Timers of Node may fire up to a millisecond early.
    expect((asked[1] ?? 0) - (asked[0] ?? 0)).toBeGreaterThan(990);
    expect(told).toEqual([expect.stringMatching(new RegExp(`^inventory_waits .* answered ${status}: .* in 1.0 s$`))]);
  });

  test('that asks for a date may name one that has passed', async () => {
    const { hosts } = await ask({
      'GET /api/hosts': [
        { status: 503, headers: { 'retry-after': 'Thu, 01 Jan 2026 00:00:00 GMT' } },
        { body: { hosts: [host('a')] } },
      ],
    });
    expect(hosts).toEqual(['a']);
  });

  test('that asks for a longer wait than two minutes fails the inventory at once', async () => {
    const { error, told, requests } = await ask({
      'GET /api/hosts': { status: 429, headers: { 'retry-after': '121' } },
    });
    expect(error).toMatchObject({ code: 'UpstreamFailed', retryable: false });
    expect(error?.message).toMatch(/answered 429 and asks for a longer wait than .* 2 min 00 s/);
    expect(told).toEqual([]);
    expect(requests).toHaveLength(1);
  });

  test('cannot stretch the time by asking for a wait at each page', async () => {
    const busy = new Set<string | undefined>();
    const { error, told, requests } = await ask(
      {
        'GET /api/hosts': ({ query: { page = '1' } }) => {
          if (!busy.has(page)) {
            busy.add(page);
            return { status: 429, headers: { 'retry-after': '1' } };
          }
          return { body: { hosts: [host(`h${page}`)], next: `?page=${Number(page) + 1}` } };
        },
      },
      { mostWaitMs: 1_500 },
    );
    expect(error?.message).toMatch(/asks for a longer wait/);
    expect(told).toHaveLength(1);
    expect(requests).toHaveLength(3);
  });

  test('that made the run wait lets go of it when the run is cancelled', async () => {
    const cancel = new AbortController();
    const { error, requests } = await ask(
      {
        'GET /api/hosts': () => {
          setTimeout(() => cancel.abort(), 100);
          return { status: 503, headers: { 'retry-after': '100' } };
        },
      },
      { signal: cancel.signal },
    );
    expect(error?.name).toBe('AbortError');
    expect(requests).toHaveLength(1);
  });
});
