import type { ProgressReport } from '@switchyard/contracts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProgress } from './progress.js';

const ref = { runId: 'r', workflowId: 'w', executionId: 'e' };

describe('createProgress', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => vi.useRealTimers());

  it('reports seldom: only after two seconds and five percent', () => {
    const reports: ProgressReport[] = [];
    const progress = createProgress({
      ref,
      step: 'apply',
      total: 100,
      report: async (_, report) => void reports.push(report),
    });
    for (let i = 0; i < 50; i++) progress.advance('at once');
    expect(reports).toEqual([]);
    vi.advanceTimersByTime(2_000);
    progress.advance('51');
    expect(reports).toEqual([{ step: 'apply', progress: 51, detail: '51' }]);
    vi.advanceTimersByTime(2_000);
    for (let i = 0; i < 4; i++) progress.advance('too little');
    expect(reports).toHaveLength(1);
    progress.advance('56');
    expect(reports.map((report) => report.progress)).toEqual([51, 56]);
  });

  it('never says that all is done: the step itself does', () => {
    const reports: ProgressReport[] = [];
    const progress = createProgress({
      ref,
      step: 'apply',
      total: 1,
      report: async (_, report) => void reports.push(report),
    });
    vi.advanceTimersByTime(10_000);
    progress.advance('a');
    progress.advance('b');
    expect(reports).toMatchObject([{ progress: 99 }]);
  });
});
