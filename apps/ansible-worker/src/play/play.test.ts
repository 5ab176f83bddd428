import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ansibleInputSchema } from '@switchyard/contracts';
import { createMasker } from '@switchyard/process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pluginEventSchema } from '../events/plugin-event.js';
import { playArguments } from './arguments.js';
import { allowedEnvironment, playEnvironment } from './environment.js';
import { handOver } from './handover.js';
import { Progress } from './progress.js';
import { PLUGIN_DIR, ProjectSettings } from './project-settings.js';
import { openWorkspace, removeDeadWorkspaces } from './workspace.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'play-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const input = (fields: Record<string, unknown>) => ansibleInputSchema.parse({ playbook: 'site.yml', ...fields });

describe('arguments', () => {
  const nothing = { masker: createMasker(), vaultIds: [], inventoryFiles: [] };
  const paths = { project: '/p', playbook: '/p/site.yml', inventories: [] };

  test('name an empty inventory when there is none, so that no default one is used', () => {
    expect(playArguments(input({}), paths, nothing, { count: 50 })).toEqual([
      '--inventory=,',
      '--forks=50',
      '/p/site.yml',
    ]);
  });

  test('hold every option behind its name, so that no value can be an option', () => {
    const given = input({
      limit: ['web', '--version'],
      tags: ['-x'],
      skipTags: 'y',
      check: true,
      diff: true,
      become: true,
      verbosity: 2,
      forks: 7,
    });
    expect(
      playArguments(given, { ...paths, inventories: ['/p/hosts'] }, { ...nothing, vaultIds: ['a@/w/v'] }, { count: 3 }),
    ).toEqual([
      '--inventory=/p/hosts',
      '--forks=7',
      '--limit=web,--version',
      '--tags=-x',
      '--skip-tags=y',
      '--vault-id=a@/w/v',
      '--check',
      '--diff',
      '--become',
      '-vv',
      '/p/site.yml',
    ]);
  });

  test('name several inventories in the order in which they were given', () => {
    const handover = { ...nothing, inventoryFiles: ['/w/inventory-0.json', undefined, '/w/inventory-2.json'] };
    const inventories = [undefined, '/p/hosts', undefined];
    expect(playArguments(input({}), { ...paths, inventories }, handover, { count: 1 }).slice(0, 3)).toEqual([
      '--inventory=/w/inventory-0.json',
      '--inventory=/p/hosts',
      '--inventory=/w/inventory-2.json',
    ]);
  });

  test('take the hosts of a file in place of the limit, and as many forks as hosts', () => {
    expect(playArguments(input({ limit: 'web' }), paths, nothing, { count: 2, file: '/w/limit' })).toContain(
      '--limit=@/w/limit',
    );
    expect(playArguments(input({}), paths, nothing, { count: 2 })).toContain('--forks=2');
  });
});

describe('environment', () => {
  const env = {
    PATH: '/bin',
    HOME: dir,
    DB_PASSWORD_ADMIN: 'x',
    SWITCHYARD_ARTIFACT_KEY: 'x',
    VAULT_TOKEN: 'x',
    TEMPORAL_API_KEY: 'x',
    ANSIBLE_FORCE_COLOR: '1',
    ANSIBLE_PIPELINING: '1',
    PYTHONPATH: '/x',
  };

  test('holds what Ansible needs and none of the configuration of the worker', () => {
    expect(Object.keys(allowedEnvironment(env)).toSorted()).toEqual(
      expect.arrayContaining(['ANSIBLE_PIPELINING', 'PATH']),
    );
    expect(
      Object.keys(allowedEnvironment(env)).filter((name) =>
        /^(?:DB|SWITCHYARD|VAULT|TEMPORAL|PYTHON)|COLOR/.test(name),
      ),
    ).toEqual([]);
  });

  test('has the three strict settings, whatever the worker was started with', () => {
    const made = playEnvironment({
      env: { ...env, ANSIBLE_HOST_PATTERN_MISMATCH: 'ignore' },
      callbackPlugins: 'p',
      workspace: dir,
      maxHosts: 5,
      hasInventory: true,
    });
    expect(made).toMatchObject({
      ANSIBLE_HOST_PATTERN_MISMATCH: 'error',
      ANSIBLE_INVENTORY_UNPARSED_FAILED: '1',
      ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED: '1',
      SWITCHYARD_MAX_HOSTS: '5',
      LC_ALL: 'C.UTF-8',
    });
  });
});

describe('callback plugins', () => {
  test('stand in front of the defaults, without a question to Ansible', async () => {
    // There is no ansible-config in this directory: asking would fail.
    const plugins = new ProjectSettings({ HOME: dir, PATH: '' }, dir);
    await writeFile(path.join(dir, 'ansible.cfg'), '[defaults]\nforks = 3\n');
    expect(await plugins.callbackPlugins(dir)).toBe(
      `${PLUGIN_DIR}:${dir}/.ansible/plugins/callback:/usr/share/ansible/plugins/callback`,
    );
  });

  test('stand in front of those of the environment', async () => {
    const plugins = new ProjectSettings({ HOME: dir, ANSIBLE_CALLBACK_PLUGINS: '/mine' });
    expect(await plugins.callbackPlugins(dir)).toBe(`${PLUGIN_DIR}:/mine`);
  });
});

test('search paths are those of the environment, else the defaults; a file that sets others is asked about', async () => {
  const settings = new ProjectSettings({ HOME: dir, PATH: '', ANSIBLE_ROLES_PATH: '/mine' }, dir);
  expect(await settings.searchPath('roles', dir)).toBe('/mine');
  const collections = `${dir}/.ansible/collections:/usr/share/ansible/collections`;
  expect(await settings.searchPath('collections', dir)).toBe(collections);
  await writeFile(path.join(dir, 'ansible.cfg'), '[defaults]\ncollections_path = here\n');
  await expect(settings.searchPath('collections', dir)).rejects.toMatchObject({ code: 'ToolMissing' });
});

describe('a workspace', () => {
  test('can be read by its owner only, and is gone when it is disposed', async () => {
    const workspace = await openWorkspace(dir);
    const file = await workspace.write('x', 'secret');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(workspace.path)).mode & 0o777).toBe(0o700);
    await workspace[Symbol.asyncDispose]();
    expect(await readdir(path.join(dir, 'ansible'))).toEqual([]);
  });

  test('of a worker that died is removed by the next one, that of a living worker stays', async () => {
    await using workspace = await openWorkspace(dir);
    await mkdir(path.join(dir, 'ansible', `${process.pid}.1.abc`));
    await mkdir(path.join(dir, 'ansible', '4194304.1.abc'));
    expect(await removeDeadWorkspaces(dir)).toBe(2);
    expect(await readdir(path.join(dir, 'ansible'))).toEqual([path.basename(workspace.path)]);
  });
});

test('secrets are written into files in place of their references, and masked', async () => {
  await using workspace = await openWorkspace(dir);
  const given = input({
    extraVars: { token: { $secret: 'one' }, deep: [{ x: { $secret: 'one' } }] },
    inventory: { groups: { g: { hosts: { a: { ansible_password: 'clear-text-word' } } } } },
    vault: [{ id: 'prod', password: { $secret: 'two' } }],
  });
  const handover = await handOver(given, [{ g: null }], workspace, (name) => Promise.resolve(`value of ${name}`));
  expect(JSON.parse(await readFile(handover.extraVarsFile ?? '', 'utf8'))).toEqual({
    token: 'value of one',
    deep: [{ x: 'value of one' }],
  });
  const [vault = ''] = handover.vaultIds;
  expect(vault).toMatch(/^prod@/);
  expect(await readFile(vault.slice(5), 'utf8')).toBe('value of two\n');
  expect(handover.masker.mask('value of one, value of two, clear-text-word')).toBe('***, ***, ***');
});

test('progress is reported seldom, and never as finished', () => {
  let now = 0;
  const progress = new Progress({ step: 'playbook', batch: 0 }, () => now);
  const take = (fields: Record<string, unknown>) =>
    progress.take(pluginEventSchema.parse({ v: 1, seq: 1, ts: 1, ...fields }));
  take({
    ev: 'plan',
    total: 10,
    plays: [{ name: 'p', pattern: 'all', hosts: 10, tasks: 2 }],
    groups: '',
    reasons: [],
    split: false,
  });
  const ok = { ev: 'ok', host: 'a', task: 't', task_id: '1' };
  expect(take(ok)).toBeUndefined();
  now = 2_500;
  expect(take(ok)).toEqual({ step: 'playbook', progress: 10 });
  expect(take(ok)).toBeUndefined();
  now = 10_000;
  for (let index = 0; index < 30; index++) take(ok);
  expect(progress.percent).toBe(99);
});

test('a batch reports less often than a playbook that runs on all hosts at once', () => {
  const reports = (batch: number): number => {
    let now = 0;
    const progress = new Progress({ step: 'p', batch }, () => now);
    const take = (fields: Record<string, unknown>) =>
      progress.take(pluginEventSchema.parse({ v: 1, seq: 1, ts: 1, ...fields }));
    const plays = [{ name: 'p', pattern: 'all', hosts: 10, tasks: 1 }];
    take({ ev: 'plan', total: 10, plays, groups: '', reasons: [], split: false });
    return Array.from({ length: 10 }, () => {
      now += 1_000;
      return take({ ev: 'ok', host: 'a', task: 't', task_id: '1' });
    }).filter((report) => report !== undefined).length;
  };
  expect([reports(0), reports(3)]).toEqual([5, 2]);
});
