import { ansibleInputSchema } from '@switchyard/contracts';
import { expect, test } from 'vitest';
import type { KnownHost } from '../ports.js';
import { inventoryDigestOf } from './digest.js';
import { finalHostOf, hostResultOf, resultsOf } from './ledger-view.js';
import { narrowHosts } from './narrow.js';
import { hostsToRun, isThroughWith, sliceCount, sliceOf, smallestBatchSize } from './slices.js';

const host = (name: string, state: KnownHost['state'], counts: Record<string, number> = {}): KnownHost => ({
  host: name,
  state,
  counts,
  attempt: 1,
  message: null,
});

test('slices cover every host once, the last one with the rest', () => {
  const hosts = Array.from({ length: 7 }, (_, index) => `h${index}`);
  const slices = Array.from({ length: sliceCount(7, 3) }, (_, index) => sliceOf(hosts, 3, index + 1));
  expect(slices.map((slice) => slice.length)).toEqual([3, 3, 1]);
  expect(slices.flat()).toEqual(hosts);
});

test('a first attempt runs what has no result, a later one what did not end well', () => {
  const states = ['pending', 'running', 'ok', 'failed', 'unreachable', 'skipped'] as const;
  const hosts = states.map((state) => host(state, state));
  expect(hostsToRun(hosts, 1)).toEqual(['pending', 'running']);
  expect(hostsToRun(hosts, 2)).toEqual(['pending', 'running', 'failed', 'unreachable', 'skipped']);
});

test('a host that never started is skipped in the ledger and not-started in the result', () => {
  const none = { ok: 0, changed: 0, failed: 0, unreachable: 0, skipped: 0, rescued: 0, ignored: 0 };
  const where = { batch: 1, attempt: 1, message: undefined };
  expect(finalHostOf('a', { outcome: 'not-started', ...none }, where)).toMatchObject({ state: 'skipped' });
  expect(hostResultOf(host('a', 'skipped')).outcome).toBe('not-started');
  expect(finalHostOf('a', { outcome: 'skipped', ...none, skipped: 2 }, where)).toMatchObject({ state: 'ok' });
  expect(hostResultOf(host('a', 'ok', { skipped: 2 })).outcome).toBe('skipped');
});

test('of very many hosts a result lists only those that did not end well', () => {
  const hosts = Array.from({ length: 5_001 }, (_, index) => host(`h${index}`, index === 7 ? 'failed' : 'ok'));
  expect(Object.keys(resultsOf(hosts))).toEqual(['h7']);
});

test('a limit over names takes globs and exclusions, and refuses what matches nothing', () => {
  const hosts = ['web1', 'web2', 'db1', 'web.x'];
  expect(narrowHosts(hosts, ['web*', '!web2'])).toEqual(['web1', 'web.x']);
  expect(narrowHosts(hosts, ['!db1'])).toEqual(['web1', 'web2', 'web.x']);
  expect(narrowHosts(hosts, ['web?,db1'])).toEqual(['web1', 'web2', 'db1']);
  expect(() => narrowHosts(hosts, ['web+'])).toThrow(/"web\+" matches none of the 4 hosts/);
});

test('the digest of an inventory does not depend on the order of its hosts', () => {
  expect(inventoryDigestOf(['b', 'a'], 'g')).toBe(inventoryDigestOf(['a', 'b'], 'g'));
  expect(inventoryDigestOf(['a', 'b'], 'g')).not.toBe(inventoryDigestOf(['a', 'b'], 'other'));
});

test.each([
  [10_000, 1, 4],
  [10_000, 3, 10],
  [10_000, 20, 67],
  [3_000, 1, 1],
  [3_001, 1, 2],
  [5, 20, 1],
])('a run over %d hosts with %d attempts fits into its history in batches of %d', (hosts, attempts, size) => {
  expect(smallestBatchSize(hosts, attempts)).toBe(size);
  expect(sliceCount(hosts, size) * attempts).toBeLessThanOrEqual(3_000);
});

test('a run under way is through with the hosts that failed in their last attempt', () => {
  const at = (attempt: number, state: KnownHost['state'] = 'failed'): KnownHost => ({ ...host('a', state), attempt });
  const input = (retry: object) => ansibleInputSchema.parse({ playbook: 'p.yml', retry });
  expect(isThroughWith(at(2), input({ attempts: 2 }))).toBe(true);
  expect(isThroughWith(at(1), input({ attempts: 2 }))).toBe(false);
  expect(isThroughWith(at(1, 'running'), input({ attempts: 1 }))).toBe(false);
  expect(isThroughWith(at(1, 'unreachable'), input({ attempts: 1 }))).toBe(true);
  expect(isThroughWith(at(1), input({ attempts: 2, only: 'all' }))).toBe(false);
});
