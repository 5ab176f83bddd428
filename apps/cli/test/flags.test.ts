import { booleanFlag, writeFlag } from '@switchyard/flags';
import { reportInstance, setFlag } from '@switchyard/store';
import { expect, it } from 'vitest';
import { openStoreWorld } from './store-world.js';

it('flags list and show tell what flags give and who has acknowledged them', async () => {
  await using world = await openStoreWorld();
  const { knex, cli } = world;
  const run = { runId: 'split-1', workflowId: 'split-1' };
  const set = (key: string, definition: ReturnType<typeof booleanFlag>) =>
    setFlag(knex, { key, definition, run, reason: 'reads move' });
  await set('users.write-mode', writeFlag('old'));
  const { version: old } = await set('users.read-new-name', booleanFlag(0));
  await reportInstance(knex, { service: 'users', instance: 'a', flags: { 'users.read-new-name': old } });
  const { version } = await set('users.read-new-name', booleanFlag(10));
  await reportInstance(knex, { service: 'users', instance: 'b', flags: { 'users.read-new-name': version } });

  const list = await cli('flags', 'list');
  expect(list).toMatch(/users\.read-new-name +on for 10 %, else off +version 3 +split-1 +reads move/);
  expect(list).toMatch(/users\.write-mode +old +version 1/);
  const shown = await cli('flags', 'show', 'users.read-new-name');
  expect(shown).toMatch(/users +a +may still use version 2 +seen/);
  expect(shown).toMatch(/users +b +acknowledged/);
  expect(JSON.parse(await cli('flags', 'show', 'users.read-new-name', '--json'))).toMatchObject({
    key: 'users.read-new-name',
    version,
    rollout: { variant: 'on', percent: 10 },
    owner: 'split-1',
    instances: [
      { instance: 'a', version: old, isAcknowledged: false },
      { instance: 'b', version, isAcknowledged: true },
    ],
  });
  await expect(cli('flags', 'show', 'nothing')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('flags list'),
  });
});
