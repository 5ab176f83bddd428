import { createMasker } from '@switchyard/process';
import { expect, test } from 'vitest';
import { capResult } from './cap-result.js';
import { playEvent } from './play-event.js';
import { pluginEventSchema } from './plugin-event.js';

const masker = createMasker(['a-long-secret-value']);
const event = (fields: Record<string, unknown>) =>
  pluginEventSchema.parse({
    v: 1,
    seq: 1,
    ts: 1_700_000_000.25,
    host: 'web1',
    task: 'Install',
    task_id: 't',
    action: 'apt',
    ...fields,
  });

test('a result becomes an event with the host as subject and one line for people', () => {
  expect(playEvent(event({ ev: 'ok', changed: true, res: { rc: 0 } }), masker)).toMatchObject({
    type: 'host_ok',
    level: 'info',
    subject: 'web1',
    message: 'web1: changed: Install',
    at: '2023-11-14T22:13:20.250Z',
    data: { changed: true, result: { rc: 0 } },
  });
  expect(playEvent(event({ ev: 'failed', res: { msg: 'no package\nmore' } }), masker)).toMatchObject({
    type: 'host_failed',
    level: 'error',
    message: 'web1: failed: Install: no package',
  });
  expect(playEvent(event({ ev: 'failed', ignored: true, res: {} }), masker)).toMatchObject({
    level: 'warning',
    message: 'web1: failed (ignored): Install',
  });
});

test('events that only the verdict needs are not written', () => {
  expect(playEvent(event({ ev: 'host_done' }), masker)).toBeUndefined();
});

test('a string that the plugin cut keeps no half of a secret at its end', () => {
  const half = `${'x'.repeat(500)}a-long-sec...[cut]`;
  const capped = capResult({ stdout: half }, masker);
  expect(capped['stdout']).toMatch(/^x+\.\.\.\[cut\]$/);
  expect(capped['stdout']).not.toContain('a-long');
});

test('a large result keeps its short fields and names the rest', () => {
  const big = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`k${index}`, 'y'.repeat(3_000)]));
  const capped = capResult({ ...big, rc: 1, msg: 'short' }, masker);
  expect(capped).toMatchObject({ rc: 1, msg: 'short' });
  expect(JSON.stringify(capped).length).toBeLessThan(20_000);
  expect(capped['_cut']).toContain('k29');
});
