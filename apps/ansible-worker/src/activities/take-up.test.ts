import { ansibleInputSchema } from '@switchyard/contracts';
import { expect, test } from 'vitest';
import type { KnownHost } from '../ports.js';
import { layOver, takeUp } from './take-up.js';

const input = (fields: Record<string, unknown>) => ansibleInputSchema.parse({ playbook: 'site.yml', ...fields });

test('a run that is taken up keeps the old input except for what was written down', () => {
  const old = input({ batchSize: 7, tags: ['x'], timeout: '1h', retry: { attempts: 9 } });
  const given = { retryOf: 'old', only: 'all', extra_vars: { a: 1 }, timeout: '2m' };
  const merged = layOver(old, given, ansibleInputSchema.parse(given));
  expect(merged).toMatchObject({
    playbook: 'site.yml',
    batchSize: 7,
    tags: ['x'],
    timeout: 120_000,
    extraVars: { a: 1 },
    retry: { attempts: 9 },
  });
  expect(merged).not.toHaveProperty('retryOf');
});

test('a run that ends while it is asked about leaves no host to run again that has just ended well', async () => {
  const execution = { runId: 'old', workflowId: 'old', executionId: 'e1' };
  let hosts: readonly KnownHost[] = [
    { host: 'a', state: 'failed', attempt: 1, counts: {}, message: 'no space left' },
    { host: 'b', state: 'running', attempt: 1, counts: {}, message: null },
  ];
  const taken: string[] = [];
  await takeUp(
    {
      ledger: {
        latest: () => Promise.resolve(execution),
        read: () => Promise.resolve({ inventoryDigest: 'd', hosts }),
        snapshot: (_ref, _digest, names) => Promise.resolve(void taken.push(...names)),
        start: () => Promise.resolve([]),
        finish: () => Promise.resolve(),
      },
      inputs: { find: () => Promise.resolve(input({})), keep: () => Promise.resolve() },
      events: { write: () => Promise.resolve(), flush: () => Promise.resolve() },
      isRunning: () => {
        hosts = hosts.map((host) => (host.state === 'running' ? { ...host, state: 'ok' } : host));
        return Promise.resolve(false);
      },
    },
    {
      ref: { runId: 'new', workflowId: 'new', executionId: 'e2' },
      given: { retryOf: 'old', only: 'unfinished-hosts' },
    },
  );
  expect(taken).toEqual(['a']);
});
