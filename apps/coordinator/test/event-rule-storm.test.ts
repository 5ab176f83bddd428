import type { EventRuleStatus } from '@switchyard/contracts';
import { temporal, waitFor } from '@switchyard/testkit';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHarness, type Harness } from './harness.js';
import { ruleOf, startRule, until } from './rules.js';

const STORM = 5_000;
const HOSTS = 5;
/** What a rule reads in one workflow task. */
const PORTION = 500;

let connection: Connection;
let client: Client;
let harness: Harness | undefined;

beforeAll(async () => {
  const { address, namespace } = temporal();
  connection = await Connection.connect({ address });
  client = new Client({ connection, namespace });
});
afterAll(async () => {
  await harness?.stop();
  await connection.close();
});

const storm = (handle: WorkflowHandle, hosts = HOSTS): Promise<unknown> =>
  Promise.all(
    Array.from({ length: STORM }, (_, i) =>
      handle.signal('event', { id: `e${i}`, data: { host: `web${i % hosts}`, cpu: 91 } }),
    ),
  );

const isRead = ({ counts: { events, duplicates, refused } }: EventRuleStatus): boolean =>
  events + duplicates + refused === STORM;

/** The histories of a rule, that of its first execution first: how long each is, and how often it went on by a timer. */
async function historiesOf({ workflowId }: WorkflowHandle, first: string) {
  const histories: { length: number; timers: number }[] = [];
  for (let runId: string | null | undefined = first; runId;) {
    // oxlint-disable-next-line no-await-in-loop -- each names the next one
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const timers = (events ?? []).filter(({ timerFiredEventAttributes: fired }) => fired);
    histories.push({ length: events?.length ?? 0, timers: timers.length });
    runId = events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
  }
  return histories;
}

/** What holds after every storm: all is read, three of the groups have fired, and the history is short again. */
async function calmOf(handle: WorkflowHandle, first: string): ReturnType<typeof historiesOf> {
  const status = await until(
    handle,
    'all events are read and the runs have ended',
    (now) => isRead(now) && now.firings.length === 3 && now.firings.every(({ state }) => state !== 'running'),
  );
  expect(status.counts).toEqual({ events: STORM, duplicates: 0, refused: 0, firings: 3 });
  expect(new Set(status.firings.map(({ group }) => group)).size).toBe(3);
  expect(status.groups.map(({ phase }) => phase).toSorted()).toEqual([
    'cooling',
    'cooling',
    'cooling',
    'pending',
    'pending',
  ]);
  const answered = status.firings.reduce((sum, { events }) => sum + events, 0);
  expect(status.groups.reduce((sum, { events }) => sum + events, answered)).toBe(STORM);
  expect(status.limitedUntil).not.toBeNull();
  await waitFor(async () => (await handle.describe()).runId !== first, { what: 'the rule to continue as new' });
  return historiesOf(handle, first);
}

const LIMITED = ruleOf({ maxPer: { count: 3, window: '1h' } });

describe(`a storm of ${STORM} events on one rule`, () => {
  it('while no worker is there is read in portions, none is lost, and the right groups fire', async () => {
    const handle = await startRule(client, { rule: LIMITED });
    const { runId } = await handle.describe();
    await storm(handle);
    harness = await startHarness();
    const histories = await calmOf(handle, runId);
    expect(histories[0]?.timers).toBeGreaterThanOrEqual(STORM / PORTION - 1);
    expect(histories.at(-1)?.length).toBeLessThan(100);
    await handle.executeUpdate('delete', { args: [{}] });
  });

  it('on a worker at work: none is lost, and the right groups fire', async () => {
    harness ??= await startHarness();
    const handle = await startRule(client, { rule: LIMITED });
    const { runId } = await handle.describe();
    await storm(handle);
    expect((await calmOf(handle, runId)).at(-1)?.length).toBeLessThan(100);
    await handle.executeUpdate('delete', { args: [{}] });
  });

  it('of as many groups: what finds no room is counted, and said once', async () => {
    harness ??= await startHarness();
    const handle = await startRule(client, { rule: ruleOf({ for: '1h' }) });
    await storm(handle, STORM);
    const { counts } = await until(handle, 'all events are read', isRead);
    expect(counts).toMatchObject({ events: 128, refused: STORM - 128 });
    const said = harness.events.filter(({ runId, type }) => runId === handle.workflowId && type === 'warning');
    expect(said.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^group "web\d+" was refused: the rule keeps 128 groups already$/),
    ]);
    await handle.executeUpdate('delete', { args: [{}] });
  });
});
