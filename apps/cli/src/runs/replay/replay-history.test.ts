import { readFileSync } from 'node:fs';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { describe, expect, it } from 'vitest';
import { eventsOf, type History } from '../history/read-history.js';
import { replayHistory } from './replay-history.js';
import { renderExecution, replayVerdict } from './render-replay.js';
import type { ReplayedExecution } from './replay-run.js';
import { idOf, nameOf, toldEvents } from './told-events.js';
import pc from 'picocolors';

/** A history that a real run wrote, as the migration-worker keeps it for replay. */
const history: History = historyFromJSON(
  JSON.parse(
    readFileSync(
      new URL('../../../../migration-worker/test/histories/approved-and-applied.json', import.meta.url),
      'utf8',
    ),
  ) as unknown,
);

const difference = (message: string): Error => Object.assign(new Error(message), { name: 'DeterminismViolationError' });

describe('a history that does not fit', () => {
  it.each(
    eventsOf(history)
      .filter((event) => event.activityTaskScheduledEventAttributes)
      .map(idOf),
  )('is found to differ at event %i, by replaying fewer parts of it than it has tasks', async (id) => {
    let replays = 0;
    const found = await replayHistory(history, (part) => {
      replays += 1;
      const differs = eventsOf(part).some((event) => idOf(event) === id);
      return Promise.resolve(differs ? difference('not what it was') : undefined);
    });
    const tasks = eventsOf(history).filter((event) => event.workflowTaskCompletedEventAttributes);
    const task = tasks.findLast((event) => idOf(event) < id);
    const commands = eventsOf(history).filter((event) => idOf(event) > idOf(task ?? event) && idOf(event) <= id);
    expect(found?.event).toBe(idOf(commands[0] ?? {}));
    expect(replays).toBeLessThan(tasks.length);
  });

  it('is named by the event of the message where the SDK gives one', async () => {
    const message =
      'Details: Failure { failure: Some(Failure { message: "[TMPRL1100] Timer machine does not handle this event: HistoryEvent(id: 9, \\"x\\")", source: "" }) }';
    expect(await replayHistory(history, () => Promise.resolve(difference(message)))).toEqual({
      event: 9,
      name: 'ActivityTaskCompleted',
      message: '[TMPRL1100] Timer machine does not handle this event: HistoryEvent(id: 9, "x")',
    });
  });

  it('is an error of ours where it could not be replayed at all', async () => {
    await expect(replayHistory(history, () => Promise.resolve(new TypeError('no bundle')))).rejects.toThrow(
      'no bundle',
    );
  });
});

describe('what happened in a run', () => {
  it('is told with the time since its start, without the book-keeping of tasks', () => {
    const told = toldEvents(history);
    expect(told[0]).toEqual({ id: 1, atMs: 0, text: 'DatabaseMigrationWorkflow started' });
    expect(told.map(({ text }) => text)).toContain('update approve');
    expect(told.map(({ text }) => text)).toContain('activity applyChanges completed');
    expect(told.at(-1)?.text).toBe('completed');
    expect(told.map(({ atMs }) => atMs)).toEqual(told.map(({ atMs }) => atMs).toSorted((a, b) => a - b));
    expect(new Set(eventsOf(history).map(nameOf))).toContain('WorkflowTaskScheduled');
  });
});

const execution = (given: Partial<ReplayedExecution>): ReplayedExecution => ({
  workflowId: 'run',
  runId: 'x',
  type: 'RunbookWorkflow',
  depth: 0,
  events: 10,
  told: [
    { id: 1, atMs: 0, text: 'started' },
    { id: 5, atMs: 1_500, text: 'activity x' },
    { id: 9, atMs: 2_000, text: 'completed' },
  ],
  outcome: 'deterministic',
  difference: null,
  reason: '',
  ...given,
});

describe('what is printed', () => {
  const different = execution({
    outcome: 'differs',
    difference: { event: 5, name: 'ActivityTaskScheduled', message: 'other' },
  });

  it('ends where the code goes another way', () => {
    const lines = renderExecution(different, { color: pc.createColors(false), width: 80 });
    expect(lines).toEqual([
      'run RunbookWorkflow',
      '      1     +0.00 s  started',
      '✗     5     +1.50 s  activity x',
      '  differs at event 5 (ActivityTaskScheduled) of 10',
      '  other',
    ]);
  });

  it('has one verdict over all executions, and says what was left out', () => {
    const leftOut = execution({ outcome: 'left-out', reason: 'gone', events: 0 });
    expect(replayVerdict([execution({}), execution({})])).toBe('replayed 20 events, deterministic');
    expect(replayVerdict([execution({}), leftOut])).toBe('replayed 10 events, deterministic; 1 workflow left out');
    expect(replayVerdict([different, leftOut])).toBe(
      'run differs at event 5 (ActivityTaskScheduled); 1 workflow left out',
    );
    expect(replayVerdict([leftOut])).toBe('nothing was replayed; 1 workflow left out');
  });
});
