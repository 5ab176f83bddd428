import type { EventRuleStatus } from '@switchyard/contracts';
import pc from 'picocolors';
import { expect, it } from 'vitest';
import { renderRule, ruleInWords } from './render-rule.js';

const paint = { color: pc.createColors(false), width: 100 };
const status: EventRuleStatus = {
  name: 'cpu',
  digest: 'sha256:1',
  isPaused: false,
  groups: [
    {
      group: 'web1',
      phase: 'pending',
      since: '2026-01-01T00:00:00.000Z',
      events: 3,
      until: '2026-01-01T00:05:00.000Z',
      runId: null,
    },
    { group: 'web2', phase: 'firing', since: null, events: 0, until: null, runId: 'rule-cpu/a-1' },
    { group: 'web3', phase: 'cooling', since: null, events: 0, until: '2026-01-01T00:10:00.000Z', runId: null },
  ],
  firings: [
    {
      number: 1,
      group: 'web3',
      events: 2,
      since: '2026-01-01T00:00:00.000Z',
      at: '2026-01-01T00:01:00.000Z',
      runId: 'rule-cpu/a-1',
      state: 'failed',
      error: { code: 'AnsibleHostsFailed', message: 'web3 failed' },
    },
  ],
  counts: { events: 6, duplicates: 1, refused: 0, firings: 1 },
  limitedUntil: '2026-01-01T01:00:00.000Z',
  lastLook: null,
};

it('shows what each group does, and how the last firings ended', () => {
  expect(renderRule(status, paint)).toEqual([
    'cpu: 1 pending, 1 firing, 1 cooling down, held back by maxPer until 2026-01-01 01:00:00',
    '  sha256:1',
    '  6 events, 1 delivered twice, 0 refused, 1 firings',
    '  ◷ pending  web1  3 events since 2026-01-01 00:00:00, due at 2026-01-01 00:05:00',
    '  ▶ firing   web2  run rule-cpu/a-1',
    '  · cooling  web3  until 2026-01-01 00:10:00',
    '',
    '  last firings',
    '  1  2026-01-01 00:01:00  web3  2 events  failed  rule-cpu/a-1: AnsibleHostsFailed: web3 failed',
  ]);
});

it('is quiet when nothing is known, and says when its metric does not answer', () => {
  const quiet = { ...status, groups: [], firings: [], limitedUntil: null };
  expect(ruleInWords(quiet)).toBe('quiet');
  const lastLook = { at: '2026-01-01T00:00:00.000Z', problem: 'no answer' };
  expect(ruleInWords({ ...quiet, isPaused: true, lastLook })).toBe('paused, its metric does not answer');
});
