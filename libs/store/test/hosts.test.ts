import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  finishHosts,
  hostsOf,
  latestExecution,
  snapshotHosts,
  snapshotOf,
  startHosts,
  unfinishedHosts,
  type FinalHostState,
} from '../src/index.js';
import { useStoreDatabase } from './support/database.js';

const database = useStoreDatabase();

const newExecution = (workflowId = `wf-${randomUUID()}`, runId = workflowId) => ({
  executionId: randomUUID(),
  runId,
  workflowId,
  inventoryDigest: 'sha256:1',
  hosts: ['web2', 'web1', 'db1'],
});

async function states(executionId: string): Promise<Record<string, string>> {
  const hosts = await hostsOf(database().knex, { executionId });
  return Object.fromEntries(hosts.map((h) => [h.host, `${h.state}@${h.attempt}`]));
}

async function begun(): Promise<string> {
  const execution = newExecution();
  await snapshotHosts(database().knex, execution);
  return execution.executionId;
}

const start = (executionId: string, hosts: string[], attempt: number) =>
  startHosts(database().knex, { executionId, hosts, batch: 0, attempt });
const finish = (executionId: string, host: string, state: FinalHostState, attempt: number) =>
  finishHosts(database().knex, { executionId, results: [{ host, state, attempt }] });

describe('snapshotHosts', () => {
  test('writes all hosts as pending, sorted when read', async () => {
    const { knex } = database();
    const execution = newExecution();
    const { hosts: _, ...rest } = execution;
    expect(await snapshotHosts(knex, execution)).toEqual({ ...rest, createdAt: expect.any(String), isNew: true });
    expect(await hostsOf(knex, execution)).toEqual(
      ['db1', 'web1', 'web2'].map((host) => ({
        host,
        state: 'pending',
        batch: null,
        attempt: 0,
        counts: {},
        message: null,
        startedAt: null,
        endedAt: null,
      })),
    );
    expect(await snapshotOf(knex, execution)).toMatchObject({ inventoryDigest: 'sha256:1' });
    expect(await snapshotOf(knex, { executionId: 'none' })).toBeUndefined();
  });

  test('keeps the first resolution when it is called again, also with another inventory', async () => {
    const { knex } = database();
    const execution = newExecution();
    await snapshotHosts(knex, execution);
    await start(execution.executionId, ['web1'], 1);
    const again = await snapshotHosts(knex, { ...execution, inventoryDigest: 'sha256:2', hosts: ['other'] });
    expect(again).toMatchObject({ inventoryDigest: 'sha256:1', isNew: false });
    expect(await states(execution.executionId)).toEqual({ db1: 'pending@0', web1: 'running@1', web2: 'pending@0' });
  });

  test('is made once when twenty workers call it at once', async () => {
    const { knex } = database();
    const execution = newExecution();
    const made = await Promise.all(Array.from({ length: 20 }, () => snapshotHosts(knex, execution)));
    expect(made.filter((m) => m.isNew)).toHaveLength(1);
    expect(await hostsOf(knex, execution)).toHaveLength(3);
  });

  test('takes ten thousand hosts in one statement', async () => {
    const { knex } = database();
    const execution = { ...newExecution(), hosts: Array.from({ length: 10_000 }, (_, i) => `vm-${i}`) };
    await snapshotHosts(knex, execution);
    expect(await unfinishedHosts(knex, execution)).toHaveLength(10_000);
  });
});

describe('startHosts and finishHosts', () => {
  test('keep counts, message, batch and times of a result', async () => {
    const { knex } = database();
    const executionId = await begun();
    expect(await startHosts(knex, { executionId, hosts: ['web1', 'unknown'], batch: 4, attempt: 1 })).toEqual(['web1']);
    const result = {
      host: 'web1',
      state: 'failed' as const,
      attempt: 1,
      counts: { ok: 3, failed: 1 },
      message: 'nul \0',
    };
    expect(await finishHosts(knex, { executionId, results: [result, { ...result, host: 'unknown' }] })).toEqual([
      'web1',
    ]);
    expect(await hostsOf(knex, { executionId, states: ['failed'] })).toEqual([
      {
        host: 'web1',
        state: 'failed',
        batch: 4,
        attempt: 1,
        counts: { ok: 3, failed: 1 },
        message: 'nul \uFFFD',
        startedAt: expect.any(String),
        endedAt: expect.any(String),
      },
    ]);
    expect((await unfinishedHosts(knex, { executionId })).map((h) => h.host)).toEqual(['db1', 'web2']);
  });

  test('a host that is ok never runs again and never changes', async () => {
    const executionId = await begun();
    await start(executionId, ['web1'], 1);
    expect(await finish(executionId, 'web1', 'ok', 1)).toEqual(['web1']);
    expect(await start(executionId, ['web1', 'db1'], 2)).toEqual(['db1']);
    expect(await finish(executionId, 'web1', 'failed', 2)).toEqual([]);
    expect(await states(executionId)).toMatchObject({ web1: 'ok@1' });
  });

  test('a failed host runs again in a later attempt only', async () => {
    const executionId = await begun();
    await start(executionId, ['web1'], 1);
    await finish(executionId, 'web1', 'failed', 1);
    expect(await start(executionId, ['web1'], 1)).toEqual([]);
    expect(await start(executionId, ['web1'], 2)).toEqual(['web1']);
    expect(await finish(executionId, 'web1', 'ok', 2)).toEqual(['web1']);
  });

  test('a host whose worker died runs again in the same attempt', async () => {
    const executionId = await begun();
    await start(executionId, ['web1'], 1);
    expect(await start(executionId, ['web1'], 1)).toEqual(['web1']);
  });

  test('a late result of an earlier attempt overwrites neither the running nor the finished later one', async () => {
    const executionId = await begun();
    await start(executionId, ['web1'], 1);
    await finish(executionId, 'web1', 'unreachable', 1);
    await start(executionId, ['web1'], 2);
    expect(await finish(executionId, 'web1', 'ok', 1)).toEqual([]);
    await finish(executionId, 'web1', 'failed', 2);
    expect(await finish(executionId, 'web1', 'ok', 1)).toEqual([]);
    expect(await states(executionId)).toMatchObject({ web1: 'failed@2' });
  });

  test('the first result of an attempt stays, and telling it again changes nothing', async () => {
    const executionId = await begun();
    await start(executionId, ['web1'], 1);
    await finish(executionId, 'web1', 'failed', 1);
    expect(await finish(executionId, 'web1', 'failed', 1)).toEqual([]);
    expect(await finish(executionId, 'web1', 'ok', 1)).toEqual([]);
    expect(await states(executionId)).toMatchObject({ web1: 'failed@1' });
  });

  test('a host can be skipped without being started', async () => {
    const executionId = await begun();
    expect(await finish(executionId, 'web1', 'skipped', 1)).toEqual(['web1']);
  });

  test('one of two workers that race for the same result wins, and both see the same row', async () => {
    const executionId = await begun();
    await start(executionId, ['web1'], 1);
    const wins = await Promise.all(
      Array.from({ length: 20 }, (_, i) => finish(executionId, 'web1', i % 2 ? 'ok' : 'failed', 1)),
    );
    expect(wins.flat()).toEqual(['web1']);
  });
});

describe('latestExecution', () => {
  test('finds the newest execution of a workflow id that was used again, and its hosts apart from the old ones', async () => {
    const { knex } = database();
    const [first, second] = [newExecution('wf-again'), newExecution('wf-again')];
    await snapshotHosts(knex, first);
    await snapshotHosts(knex, second);
    expect(await latestExecution(knex, { runId: 'wf-again' })).toMatchObject({ executionId: second.executionId });
    await start(second.executionId, ['web1'], 1);
    expect(await states(first.executionId)).toMatchObject({ web1: 'pending@0' });
  });

  test("prefers the run's own execution to a newer one of a child, and falls back to children", async () => {
    const { knex } = database();
    const own = newExecution('wf-root');
    await snapshotHosts(knex, own);
    await snapshotHosts(knex, newExecution('wf-root/child', 'wf-root'));
    expect(await latestExecution(knex, { runId: 'wf-root' })).toMatchObject({ executionId: own.executionId });
    const child = newExecution('wf-book/child', 'wf-book');
    await snapshotHosts(knex, child);
    expect(await latestExecution(knex, { runId: 'wf-book' })).toMatchObject({ executionId: child.executionId });
    expect(await latestExecution(knex, { runId: 'none' })).toBeUndefined();
  });
});
