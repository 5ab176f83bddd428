import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { listDecisions, recordDecision, type NewDecision } from '../src/index.js';
import { useStoreDatabase } from './support/database.js';

const database = useStoreDatabase();
const newDecision = (runId: string, more: Partial<NewDecision> = {}): NewDecision => ({
  id: randomUUID(),
  runId,
  workflowId: runId,
  subject: 'prod_approval',
  decision: 'approve',
  by: 'ann',
  channel: 'cli',
  reason: 'looks right',
  evidence: 'sha256:1',
  at: '2026-11-20T10:00:00.000Z',
  ...more,
});

describe('decisions', () => {
  test('are given back as they were recorded, in their order', async () => {
    const { knex } = database();
    const runId = randomUUID();
    const first = newDecision(runId, { data: { quorum: 2 } });
    const second = newDecision(runId, { subject: 'run', decision: 'pause' });
    expect(await recordDecision(knex, first)).toBe(true);
    await recordDecision(knex, second);
    const all = await listDecisions(knex, { runId });
    expect(all).toEqual([
      { ...first, number: expect.any(Number), storedAt: expect.any(String) },
      { ...second, data: {}, number: expect.any(Number), storedAt: expect.any(String) },
    ]);
    expect(await listDecisions(knex, { runId, after: all[0]?.number ?? 0, limit: 5 })).toMatchObject([
      { id: second.id },
    ]);
    expect(await listDecisions(knex, { runId, subject: 'run' })).toMatchObject([{ id: second.id }]);
  });

  test('are recorded once per id', async () => {
    const { knex } = database();
    const decision = newDecision(randomUUID());
    const recorded = await Promise.all(Array.from({ length: 5 }, () => recordDecision(knex, decision)));
    expect(recorded.filter(Boolean)).toHaveLength(1);
    expect(await recordDecision(knex, { ...decision, decision: 'reject' })).toBe(false);
    expect(await listDecisions(knex, { runId: decision.runId })).toMatchObject([{ decision: 'approve' }]);
  });

  test.each([
    ['update', `update switchyard.decisions set decision = 'reject'`],
    ['delete', 'delete from switchyard.decisions'],
    ['truncate', 'truncate switchyard.decisions'],
  ])('cannot be changed by %s, not even by their owner', async (verb, sql) => {
    const { knex } = database();
    await recordDecision(knex, newDecision(randomUUID()));
    await expect(knex.raw(sql)).rejects.toThrow(`append-only: ${verb} is refused`);
  });
});
