import { randomUUID } from 'node:crypto';
import { acquireLocks, listDecisions } from '@switchyard/store';
import { startTemporal } from '@switchyard/testkit';
import { Client, Connection } from '@temporalio/client';
import { expect, it } from 'vitest';
import { openStoreWorld } from './store-world.js';

it('locks list tells who holds what and who waits; locks release takes a lock from a run that has ended', async () => {
  await using temporal = await startTemporal();
  await using world = await openStoreWorld({
    SWITCHYARD_IDENTITY: 'ann',
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  });
  const { knex } = world;
  const connection = await Connection.connect({ address: temporal.address });
  const { workflow } = new Client({ connection, namespace: temporal.namespace });
  // No worker takes it: a run that is under way is all that a lock needs.
  const run = await workflow.start('Sleeper', { taskQueue: randomUUID(), workflowId: 'tf-1' });
  const holder = { workflowId: 'tf-1', executionId: run.firstExecutionRunId };
  const name = 'terraform:net:default';
  const free = 'terraform:old:default';
  await acquireLocks(knex, { names: [name], owner: holder, reason: 'apply of net' });
  const forgotten = { workflowId: 'tf-0', executionId: randomUUID() };
  await acquireLocks(knex, { names: [free], owner: forgotten, reason: 'apply of old' });
  await acquireLocks(knex, { names: [name], owner: { workflowId: 'tf-2', executionId: 'b' }, reason: 'plan of net' });

  const locks = (...words: string[]): Promise<string> => world.cli('locks', ...words);

  const list = await locks('list');
  expect(list).toMatch(/terraform:net:default +held by tf-1 +since \S+ \S+ +apply of net/);
  expect(list).toMatch(/awaited by tf-2 +since \S+ \S+ +plan of net/);
  expect(JSON.parse(await locks('list', '--json'))).toMatchObject([
    { name, ...holder, reason: 'apply of net', waiters: [{ workflowId: 'tf-2', reason: 'plan of net' }] },
    { name: free, workflowId: 'tf-0', waiters: [] },
  ]);

  await expect(locks('release', name)).rejects.toMatchObject({ code: 2 });
  await expect(locks('release', 'nothing', '--reason', 'x')).rejects.toMatchObject({ code: 2 });
  await expect(locks('release', name, '--reason', 'in my way')).rejects.toMatchObject({
    code: 9,
    stderr: expect.stringMatching(/held by tf-1, which is under way \(apply of net, since .*--force/) as string,
  });
  expect(await locks('release', free, '--reason', 'its machine burnt down')).toContain('taken from tf-0, by ann');
  expect(JSON.parse(await locks('release', name, '--reason', 'stuck', '--force', '--json'))).toMatchObject({
    released: { name, ...holder },
    by: 'ann',
    isForced: true,
    waiters: [{ workflowId: 'tf-2' }],
  });
  expect(await locks('list')).toBe('no locks\n');
  expect(await listDecisions(knex)).toMatchObject([
    { subject: `lock:${free}`, decision: 'force-release', by: 'ann', channel: 'cli', runId: 'tf-0' },
    { subject: `lock:${name}`, decision: 'force-release', by: 'ann', reason: 'stuck', runId: 'tf-1' },
  ]);
  await run.terminate();
  await connection.close();
});
