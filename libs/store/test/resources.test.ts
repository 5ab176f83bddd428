import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { completeResources, resourcesOf, startResources } from '../src/index.js';
import { useStoreDatabase } from './support/database.js';

const database = useStoreDatabase();
const newExecution = () => ({ executionId: randomUUID(), runId: 'run', workflowId: 'run', attempt: 1 });
const a = { address: 'time_sleep.a', action: 'create' };
const b = { address: 'time_sleep.b["x"]', action: 'delete' };

describe('the resource ledger', () => {
  test('tells what an apply finished, failed, and left open', async () => {
    const { knex } = database();
    const execution = newExecution();
    const open = { address: 'time_sleep.c', action: 'update' };
    expect(await startResources(knex, { ...execution, resources: [a, b, open] })).toBe(3);
    const results = [
      { ...a, state: 'completed' as const, resourceId: 'id-1' },
      { ...b, state: 'failed' as const, message: 'no \0' },
    ];
    expect(await completeResources(knex, { ...execution, results })).toBe(2);
    expect(await resourcesOf(knex, execution)).toMatchObject([
      { ...a, state: 'completed', resourceId: 'id-1', message: null, endedAt: expect.any(String) },
      { ...b, state: 'failed', resourceId: null, message: 'no \uFFFD' },
      { ...open, state: 'started', endedAt: null },
    ]);
    expect(await resourcesOf(knex, { ...execution, states: ['started'] })).toMatchObject([open]);
    expect(await resourcesOf(knex, { ...execution, address: b.address })).toMatchObject([b]);
  });

  test('repeats of a call change nothing', async () => {
    const { knex } = database();
    const execution = newExecution();
    await startResources(knex, { ...execution, resources: [a, a] });
    const results = [{ ...a, state: 'completed' as const }];
    await completeResources(knex, { ...execution, results });
    expect(await startResources(knex, { ...execution, resources: [a] })).toBe(0);
    expect(await completeResources(knex, { ...execution, results })).toBe(0);
    expect(await resourcesOf(knex, execution)).toMatchObject([{ state: 'completed' }]);
  });

  test('a later attempt begins a change again, and the earlier one can no more end it', async () => {
    const { knex } = database();
    const execution = newExecution();
    await startResources(knex, { ...execution, resources: [{ ...a, resourceId: 'id-1' }] });
    await startResources(knex, { ...execution, attempt: 2, resources: [a] });
    expect(await completeResources(knex, { ...execution, results: [{ ...a, state: 'completed' }] })).toBe(0);
    expect(await resourcesOf(knex, execution)).toMatchObject([{ state: 'started', attempt: 2, resourceId: 'id-1' }]);
  });

  test('keeps both halves of a replacement, and executions apart', async () => {
    const { knex } = database();
    const [one, two] = [newExecution(), newExecution()];
    await startResources(knex, { ...one, resources: [{ ...a, action: 'delete' }, a] });
    expect(await resourcesOf(knex, one)).toHaveLength(2);
    expect(await resourcesOf(knex, two)).toEqual([]);
  });
});
