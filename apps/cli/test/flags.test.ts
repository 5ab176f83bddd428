import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { booleanFlag, stringFlag } from '@switchyard/flags';
import { createDatabase, parseDatabaseConfig } from '@switchyard/shared-db';
import { migrate, reportInstance, setFlag } from '@switchyard/store';
import { createTestDatabase, startPostgres } from '@switchyard/testkit';
import { expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

it('flags list and show tell what flags give and who has acknowledged them', async () => {
  await using server = await startPostgres();
  await using test = await createTestDatabase({ server });
  await using database = createDatabase({
    role: 'app',
    config: parseDatabaseConfig(test.env),
    applicationName: 'test',
  });
  const { knex } = database;
  await migrate(knex);
  const run = { runId: 'split-1', workflowId: 'split-1' };
  const set = (key: string, definition: ReturnType<typeof booleanFlag>) =>
    setFlag(knex, { key, definition, run, reason: 'reads move' });
  await set('users.write-mode', stringFlag(['old', 'both', 'new'], 'old'));
  const { version: old } = await set('users.read-new-name', booleanFlag(0));
  await reportInstance(knex, { service: 'users', instance: 'a', flags: { 'users.read-new-name': old } });
  const { version } = await set('users.read-new-name', booleanFlag(10));
  await reportInstance(knex, { service: 'users', instance: 'b', flags: { 'users.read-new-name': version } });

  const folder = await mkdtemp(join(tmpdir(), 'cli-flags-'));
  const env = { PATH: process.env['PATH'], SWITCHYARD_ROOT: folder, ...test.env };
  const flags = async (...words: string[]): Promise<string> =>
    (await promisify(execFile)(process.execPath, [MAIN, ...words], { env })).stdout;
  const list = await flags('flags', 'list');
  expect(list).toMatch(/users\.read-new-name +on for 10 %, else off +version 3 +split-1 +reads move/);
  expect(list).toMatch(/users\.write-mode +old +version 1/);
  const shown = await flags('flags', 'show', 'users.read-new-name');
  expect(shown).toMatch(/users +a +may still use version 2 +seen/);
  expect(shown).toMatch(/users +b +acknowledged/);
  expect(JSON.parse(await flags('flags', 'show', 'users.read-new-name', '--json'))).toMatchObject({
    key: 'users.read-new-name',
    version,
    rollout: { variant: 'on', percent: 10 },
    owner: 'split-1',
    instances: [
      { instance: 'a', version: old, isAcknowledged: false },
      { instance: 'b', version, isAcknowledged: true },
    ],
  });
  await expect(flags('flags', 'show', 'nothing')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('flags list'),
  });
  await rm(folder, { recursive: true });
});
