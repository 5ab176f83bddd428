import { randomUUID } from 'node:crypto';
import type { EventRuleStatus } from '@switchyard/contracts';
import { startTimeSkipping, type TimeSkipping } from '@switchyard/testkit';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHarness, type Harness } from './harness.js';
import { ruleOf, startRule, until } from './rules.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

describe('an event rule over hours, on a clock that skips time', () => {
  let server: TimeSkipping;
  let harness: Harness;
  const rules: WorkflowHandle[] = [];
  /** This server lists no runs. */
  const replay = async (_: Client, workflowBundle: WorkflowBundle): Promise<void> => {
    for (const rule of rules)
      await Worker.runReplayHistory({ workflowBundle }, await rule.fetchHistory(), rule.workflowId);
  };
  beforeAll(async () => {
    server = await startTimeSkipping();
    const { address, namespace = 'default' } = server.env;
    harness = await startHarness({ server: { address, namespace }, replay });
  });
  afterAll(async () => {
    await harness.stop();
    await server.stop();
  });

  const rule = async (more: object = {}): Promise<WorkflowHandle> => {
    const handle = await startRule(harness.client, { rule: ruleOf({ for: '5m', ...more }) });
    rules.push(handle);
    return handle;
  };
  /** Sends an event and gives the status that has it. */
  const send = async (handle: WorkflowHandle, cpu: number, host = 'web1'): Promise<EventRuleStatus> => {
    const before = await until(handle, 'the status', () => true);
    await handle.signal('event', { id: randomUUID(), data: { host, cpu } });
    return until(handle, 'the event to be taken', ({ counts }) => counts.events === before.counts.events + 1);
  };
  const sinceOf = ({ groups: [group] }: EventRuleStatus): number => Date.parse(group?.since ?? '');
  const ended =
    (count: number) =>
    ({ firings }: EventRuleStatus): boolean =>
      firings.length === count && firings.every(({ state }) => state !== 'running');

  it('does nothing when CPU is at 91 % for 4:59, and fires once at 5:00', async () => {
    const handle = await rule();
    const since = sinceOf(await send(handle, 91));
    await server.skipTo(since + 5 * MINUTE - SECOND);
    const almost = await send(handle, 91);
    expect(almost).toMatchObject({ counts: { firings: 0, events: 2 }, groups: [{ phase: 'pending' }] });
    expect(harness.notesOf(handle)).toEqual([]);
    await server.skipTo(since + 5 * MINUTE);
    const { firings } = await until(handle, 'the firing to end', ended(1));
    expect(firings).toMatchObject([{ number: 1, group: 'web1', events: 2, state: 'succeeded' }]);
    expect(Date.parse(firings[0]?.at ?? '') - since).toBeGreaterThanOrEqual(5 * MINUTE);
    await server.skipTo(since + 59 * MINUTE);
    expect((await until(handle, 'the status', () => true)).counts.firings).toBe(1);
    expect(harness.notesOf(handle)).toEqual(['web1.yml']);
  });

  it('begins to count anew when the trouble was over for a moment at 4:59', async () => {
    const handle = await rule();
    const first = sinceOf(await send(handle, 91));
    await server.skipTo(first + 5 * MINUTE - SECOND);
    expect((await send(handle, 12)).groups).toEqual([]);
    const second = sinceOf(await send(handle, 95));
    expect(second).toBeGreaterThanOrEqual(first + 5 * MINUTE - SECOND);
    await server.skipTo(second + 5 * MINUTE - SECOND);
    expect((await send(handle, 95)).counts.firings).toBe(0);
    await server.skipTo(second + 5 * MINUTE);
    expect((await until(handle, 'the firing to end', ended(1))).firings).toMatchObject([{ events: 2 }]);
  });

  it('is quiet for the cooldown, then fires once for all that came meanwhile', async () => {
    const handle = await rule();
    const since = sinceOf(await send(handle, 91));
    await server.skipTo(since + 5 * MINUTE);
    const { firings } = await until(handle, 'the first firing to end', ended(1));
    const quietUntil = Date.parse(firings[0]?.at ?? '') + 60 * MINUTE;
    await server.skipTo(quietUntil - 30 * MINUTE);
    await send(handle, 92);
    await send(handle, 93);
    await server.skipTo(quietUntil - SECOND);
    expect((await send(handle, 94)).counts.firings).toBe(1);
    await server.skipTo(quietUntil + 5 * MINUTE);
    expect((await until(handle, 'the second firing to end', ended(2))).firings[0]).toMatchObject({
      number: 2,
      events: 3,
    });
  });

  it('holds back what maxPer allows no more, until its window has passed', async () => {
    const handle = await rule({ for: 0, maxPer: { count: 1, window: '2h' } });
    const since = Date.parse((await send(handle, 91, 'web1')).firings[0]?.at ?? new Date().toISOString());
    await until(handle, 'the first firing to end', ended(1));
    const limited = await send(handle, 91, 'web2');
    const until2h = Date.parse(limited.limitedUntil ?? '');
    expect(until2h).toBeGreaterThan(since + 119 * MINUTE);
    await server.skipTo(until2h - SECOND);
    expect((await until(handle, 'the status', () => true)).counts.firings).toBe(1);
    await server.skipTo(until2h);
    expect((await until(handle, 'the second firing to end', ended(2))).firings[0]).toMatchObject({ group: 'web2' });
  });
});
