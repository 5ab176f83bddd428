import { listLocks } from '@switchyard/store';
import { waitFor } from '@switchyard/testkit';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failureOf, openWorld, play, statusOf, type World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await world.startWorker();
  await world.file(
    'locked.yml',
    play(
      '- raw: "echo {{ who }} >> {{ playbook_dir }}/ran.txt; until test -e {{ playbook_dir }}/go; do sleep 0.2; done"',
    ),
  );
});
afterAll(() => world[Symbol.asyncDispose]());

const start = (who: string, more: object = {}): Promise<WorkflowHandle> =>
  world.start({
    playbook: 'locked.yml',
    inventory: { groups: { g: { hosts: { a: null } } } },
    extraVars: { who },
    locks: ['hosts/web'],
    ...more,
  });
const ran = async (): Promise<string[]> => (await world.read('ran.txt')).split('\n').filter(Boolean);
const until = (what: string, holds: () => Promise<boolean>): Promise<unknown> =>
  waitFor(holds, { what, timeoutMs: 40_000 });

describe('locks of a playbook', () => {
  test('keep another run with them from its hosts until this one has ended, and the status says who has them', async () => {
    const first = await start('first');
    await until('the first play to begin', async () => (await ran()).length === 1);
    const second = await start('second');
    await until('the second run to wait', async () => (await statusOf(second)).waitingFor?.kind === 'lock');
    const { steps, waitingFor } = await statusOf(second);
    expect(waitingFor).toMatchObject({ kind: 'lock', name: 'hosts/web' });
    const step = steps.find(({ id }) => id === 'run:locks');
    expect(step?.detail).toContain(`${first.workflowId} has hosts/web since `);
    expect(step?.detail).toContain('(playbook locked.yml)');
    // Nobody waits for ever, and whoever has no lock has touched no host.
    expect(await failureOf((await start('third', { lockTimeout: '1s' })).result())).toMatchObject({
      code: 'LockUnavailable',
      message: expect.stringContaining(first.workflowId),
    });
    expect(await ran()).toEqual(['first']);
    await world.file('go', '');
    expect(await first.result()).toMatchObject({ verdict: 'successful' });
    expect(await second.result()).toMatchObject({ verdict: 'successful' });
    expect(await ran()).toEqual(['first', 'second']);
    expect(await listLocks(world.store.db)).toEqual([]);
    // A run that is taken up asks for the locks of the old one.
    const again = await world.start({ retryOf: second.workflowId, only: 'all' });
    expect(await again.result()).toMatchObject({ verdict: 'successful' });
    expect((await statusOf(again)).steps.map(({ id, state }) => [id, state])).toContainEqual(['run:locks', 'done']);
  });

  test.each([
    [['spaces here'], 'must be letters, digits'],
    [['database:localhost:5432/app'], 'taken by the workflows themselves'],
  ])('are refused when their names cannot be: %j', async (locks, why) => {
    expect(await failureOf((await start('refused', { locks })).result())).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining(why),
    });
  });
});
