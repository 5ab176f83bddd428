import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ItemsResult } from '../src/workflows/items/aggregate.js';
import { failureOf, startHarness, type Harness } from './harness.js';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const http = (path: string, more: object): object => ({
  id: 'each',
  uses: 'http',
  with: { url: `http://fake/${path}` },
  ...more,
});

describe('a step with forEach', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness.stop());

  const itemsOf = async (handle: WorkflowHandle): Promise<ItemsResult> => {
    const result = (await handle.result()) as { steps: Record<string, { result: ItemsResult }> };
    return result.steps['each']?.result as ItemsResult;
  };

  it('runs once per item of a list and sums up', async () => {
    const items = await itemsOf(
      await harness.start([
        http('${{ item.name }}-${{ index }}', { forEach: [{ name: 'a' }, { name: 'b' }], when: "item.name != 'b'" }),
      ]),
    );
    expect(items).toEqual({
      items: [
        {
          index: 0,
          item: { name: 'a' },
          outcome: 'successful',
          result: { status: 200, body: 'http://fake/a-0', durationMs: 10 },
        },
        { index: 1, item: { name: 'b' }, outcome: 'skipped', result: null },
      ],
      succeeded: 1,
      failed: 0,
      skipped: 1,
      total: 2,
    });
  });

  it('runs once per value of a map that an earlier step gave', async () => {
    const handle = await harness.start([
      { id: 'net', uses: 'terraform', with: { stack: { path: 'net' } } },
      {
        id: 'each',
        uses: 'ansible',
        needs: ['net'],
        forEach: '${{ steps.net.result.outputs.groups.value }}',
        with: { playbook: '${{ key }}.yml', inventory: { groups: '${{ {key: item} }}' } },
      },
    ]);
    const { items } = await itemsOf(handle);
    expect(items.map((one) => one.key)).toEqual(['web', 'db']);
    expect(harness.inputOf(handle, 'web.yml')).toEqual({
      playbook: 'web.yml',
      inventory: { groups: { web: { hosts: { web1: {} } } } },
    });
    const { steps } = await harness.statusOf(handle);
    expect(steps[1]?.children?.map((child) => child.workflowId).toSorted()).toEqual([
      `${handle.workflowId}/each/0`,
      `${handle.workflowId}/each/1`,
    ]);
  });

  it('never has more items under way than maxParallel, and uses all of it', async () => {
    Object.assign(harness.http, { most: 0, calls: [] });
    const items = await itemsOf(await harness.start([http('${{ item }}', { forEach: numbers(40), maxParallel: 7 })]));
    expect(items.succeeded).toBe(40);
    expect(harness.http.most).toBeGreaterThan(3);
    expect(harness.http.most).toBeLessThanOrEqual(7);
    const keys = harness.http.calls.map((call) => call.effect);
    expect(new Set(keys).size).toBe(40);
  });

  it('starts no further item once one failed, unless onFailure is continue', async () => {
    const flow = http("${{ item == 2 ? 'fail' : 'ok' }}-${{ item }}", { forEach: numbers(6), maxParallel: 1 });
    const failure = await failureOf((await harness.start([flow])).result());
    expect(failure).toMatchObject({
      code: 'UpstreamFailed',
      message: 'step "each": 1 of 6 items failed; item 2: http://fake/fail-2 answered 500',
      details: { steps: { each: { outcome: 'failed', result: { succeeded: 2, failed: 1, skipped: 3 } } } },
    });
    const items = await itemsOf(await harness.start([{ ...flow, onFailure: 'continue' }]));
    expect(items).toMatchObject({ succeeded: 5, failed: 1, skipped: 0 });
    expect(items.items[2]).toMatchObject({ outcome: 'failed', error: { code: 'UpstreamFailed' } });
  });

  it('runs on an empty list without doing anything', async () => {
    expect(await itemsOf(await harness.start([http('x', { forEach: [] })]))).toMatchObject({ total: 0, items: [] });
  });

  it('fails when forEach gives neither list nor map', async () => {
    const failure = await failureOf(
      harness.run([http('x', { forEach: '${{ inputs.n }}' })], {
        book: { inputs: { n: { type: 'integer', default: 3 } } },
      }),
    );
    expect(failure).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('forEach gives 3') as string,
    });
  });

  it('is undone item by item, without those that were never started', async () => {
    const handle = await harness.start([
      {
        id: 'each',
        uses: 'ansible',
        forEach: ['a', 'b', 'fail-c', 'd'],
        maxParallel: 1,
        with: { playbook: '${{ item }}.yml' },
        onFailure: 'compensate',
        compensate: { uses: 'ansible', with: { playbook: 'undo-${{ item }}.yml' } },
      },
    ]);
    expect((await failureOf(handle.result())).code).toBe('AnsibleHostsFailed');
    expect(harness.notesOf(handle)).toEqual(
      ['a.yml', 'b.yml', 'fail-c.yml', 'undo-a.yml', 'undo-b.yml', 'undo-fail-c.yml'].map((name) => name),
    );
  });
});

describe('a large forEach', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness.stop());

  it('works on 500 items within maxParallel and with a small history', async () => {
    Object.assign(harness.http, { most: 0, calls: [] });
    const handle = await harness.start([
      http("${{ item == 321 ? 'fail' : 'crowd' }}-${{ item }}", {
        forEach: numbers(500),
        maxParallel: 20,
        onFailure: 'continue',
      }),
    ]);
    const result = (await handle.result()) as { steps: Record<string, { result: ItemsResult }> };
    const items = result.steps['each']?.result;
    expect(items).toMatchObject({ succeeded: 499, failed: 1, total: 500 });
    expect(items?.items.map((one) => one.index)).toEqual(numbers(500));
    expect(items?.items[321]).toMatchObject({ item: 321, outcome: 'failed' });
    expect(new Set(harness.http.calls.map((call) => call.effect)).size).toBe(500);
    expect(harness.http.most).toBeGreaterThan(10);
    expect(harness.http.most).toBeLessThanOrEqual(20);
    const { historyLength } = await handle.describe();
    expect(historyLength).toBeLessThan(200);
    const { steps } = await harness.statusOf(handle);
    expect(steps[0]).toMatchObject({ state: 'failed', progress: 100 });
  });

  it('pauses its items with the run, and goes on with it', async () => {
    Object.assign(harness.http, { most: 0, calls: [] });
    const handle = await harness.start([http('${{ item }}', { forEach: numbers(300), maxParallel: 2 })]);
    await harness.until(
      handle,
      'the fan-out runs',
      (s) => s.steps[0]?.state === 'running' && harness.http.calls.length > 5,
    );
    await handle.executeUpdate('pause', { args: [{ reason: 'lunch' }] });
    // What was under way may still end; then nothing starts any more.
    let before = -1;
    await harness.until(handle, 'the items rest', () => {
      const rests = before === harness.http.calls.length && harness.http.now === 0;
      before = harness.http.calls.length;
      return rests;
    });
    const count = harness.http.calls.length;
    expect(count).toBeLessThan(300);
    expect((await harness.statusOf(handle)).state).toBe('paused');
    await handle.executeUpdate('resume', { args: [{}] });
    await handle.result();
    expect(harness.http.calls).toHaveLength(300);
  });

  it('leaves results of good items out when they are too many, and says so', async () => {
    const text = 'x'.repeat(2_000);
    const result = await harness.run([http(`${text}\${{ item }}`, { forEach: numbers(210), maxParallel: 50 })]);
    const items = result.steps['each']?.result as ItemsResult;
    expect(items).toMatchObject({ succeeded: 210, trimmed: 'results' });
    expect(items.items).toHaveLength(210);
    expect(result.warnings).toEqual(['step "each" has too many results to keep: those of good items left out']);
  });
});
