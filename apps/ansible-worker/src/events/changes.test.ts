import { describe, expect, it } from 'vitest';
import { Changes } from './changes.js';

const started = (executionId: string) => ({ type: 'batch_start', subject: null, data: { executionId } });
const ok = (host: string, task: string, diff?: unknown) => ({
  type: 'host_ok',
  subject: host,
  data: { task, path: `${task}.yml:1`, changed: true, result: diff === undefined ? {} : { diff } },
});
const told = (isCheck: boolean, events: readonly Parameters<Changes['take']>[0][]) => {
  const changes = new Changes({ executionId: 'now', isCheck });
  for (const event of events) changes.take(event);
  return changes.report;
};

describe('the changes of a run', () => {
  it('are those of this execution, not of an earlier one with the same id', () => {
    const events = [started('before'), ok('a', 'old'), started('now'), ok('a', 'new')];
    expect(told(false, events).hosts).toEqual({ a: [{ task: 'new' }] });
  });

  it('happened twice when they are told twice, and would happen once in check mode', () => {
    const events = [started('now'), ok('a', 't', '+1\n'), started('now'), ok('a', 't', '+2\n')];
    expect(told(false, events).hosts['a']).toHaveLength(2);
    expect(told(true, events).hosts['a']).toEqual([{ task: 't', diff: '+2\n' }]);
  });

  it('have room in a result, and say how many had not', () => {
    const many = Array.from({ length: 1_000 }, (_, i) => ok('a', `t${i}`, 'x'.repeat(50_000)));
    const report = told(false, [started('now'), ...many]);
    expect(JSON.stringify(report).length).toBeLessThan(300_000);
    expect((report.hosts['a']?.length ?? 0) + report.leftOut).toBe(1_000);
    expect(report.hosts['a']?.[0]?.diff).toMatch(/\[cut\]$/);
  });

  it('leave out a diff that is no text', () => {
    expect(told(false, [started('now'), ok('a', 't', { tree: [] })]).hosts).toEqual({ a: [{ task: 't' }] });
  });
});
