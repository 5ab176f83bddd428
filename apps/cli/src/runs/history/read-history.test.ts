import { readFileSync } from 'node:fs';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { describe, expect, it } from 'vitest';
import { readHistory } from './read-history.js';

/** A history that a real run wrote, as another package keeps it for replay. */
const kept = (path: string) =>
  readHistory(
    historyFromJSON(JSON.parse(readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8')) as unknown),
  );

describe('readHistory', () => {
  it('tells how a run failed, with its code, its details and its children', () => {
    const read = kept('coordinator/test/histories/runbook-failed-1.json');
    expect(read).toMatchObject({
      type: 'RunbookWorkflow',
      taskQueue: 'coordinator-queue',
      state: 'failed',
      failure: { code: 'TimedOut', message: 'step "b": took longer than 200 ms and was ended' },
      brokenTask: null,
      continuedFrom: null,
      continuedTo: null,
    });
    expect(read.failure?.details).toMatchObject({ compensation: [{ step: 'a', error: null }] });
    expect(read.children.map(({ workflowId, state }) => [workflowId.split('/').slice(1).join('/'), state])).toEqual([
      ['a', 'completed'],
      ['b', 'cancelled'],
      ['a/undo', 'completed'],
    ]);
    expect(Date.parse(read.closedAt ?? '')).toBeGreaterThan(Date.parse(read.startedAt));
  });

  it('tells a good end, and activities that failed for good with their attempts', () => {
    expect(kept('coordinator/test/histories/runbook-1.json')).toMatchObject({ state: 'completed', failure: null });
    const { state, failedActivities } = kept('migration-worker/test/histories/held-and-retried.json');
    expect(state).toBe('completed');
    expect(failedActivities).toMatchObject([{ type: expect.any(String) as string, attempts: 1 }]);
    expect(failedActivities[0]?.failure?.code).toBe('MigrationFailed');
  });

  it('takes a history without an end for a run that is under way', () => {
    const text = readFileSync(
      new URL('../../../../coordinator/test/histories/runbook-1.json', import.meta.url),
      'utf8',
    );
    const { events } = JSON.parse(text) as { events: unknown[] };
    const read = readHistory(historyFromJSON({ events: events.slice(0, 12) }));
    expect(read).toMatchObject({ state: 'running', closedAt: null });
  });
});
