import { ansibleResultSchema } from '@switchyard/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failureOf, historyOf, openWorld, play, statusOf, type World } from './world.js';

let world: World;

beforeAll(async () => {
  world = await openWorld();
  await world.startWorker({ SECRET_DB_PASSWORD: 'hunter2-and-more', SECRET_VAULT: 'vault-pass-word' });
  await world.file('hosts.ini', 'a\nb\n[web]\na\n');
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const one = { retry: { attempts: 1 } };

describe('a playbook that ends well', () => {
  test('runs on implicit localhost when only its path is given', async () => {
    await world.file('local.yml', play('- raw: echo hello', 'localhost'));
    const handle = await world.start('local.yml');
    const result = ansibleResultSchema.parse(await handle.result());
    expect(result).toMatchObject({
      runId: handle.workflowId,
      verdict: 'successful',
      hosts: { localhost: { outcome: 'ok', ok: 1, failed: 0 } },
      failedHosts: [],
      batches: 1,
    });
    expect(result.inventoryDigest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(result.tail.join('\n')).toContain('localhost');
    const status = await statusOf(handle);
    expect(status).toMatchObject({ kind: 'ansible', state: 'done', progress: 100 });
    expect(status.steps).toMatchObject([{ id: 'playbook', state: 'done' }]);
  });

  test('takes the spellings of older callers, an inventory file, a limit and tags', async () => {
    await world.file('tags.yml', play('- raw: echo x >> ran\n  tags: [x]\n- raw: exit 1\n  tags: [y]'));
    const result = await world.run({ playbook_path: 'tags.yml', inventory_path: 'hosts.ini', limit: 'web', tags: 'x' });
    expect(result.hosts).toMatchObject({ a: { outcome: 'ok', ok: 1 } });
    expect(Object.keys(result.hosts)).toEqual(['a']);
  });

  test('tells its events and its lines, in order and without gaps', async () => {
    await world.file('events.yml', play('- name: first\n  raw: echo hi\n- name: second\n  raw: echo ho'));
    const handle = await world.start({ playbook: 'events.yml', inventory: 'hosts.ini' });
    await handle.result();
    const events = await world.events(handle.workflowId);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    const types = events.filter(({ source }) => source === 'ansible').map(({ type }) => type);
    expect(types).toEqual(
      expect.arrayContaining(['batch_start', 'plan', 'play_start', 'task_start', 'host_ok', 'stats', 'line']),
    );
    const ok = events.filter(({ type }) => type === 'host_ok');
    expect(ok.map(({ subject }) => String(subject)).toSorted()).toEqual(['a', 'a', 'b', 'b']);
    expect(events.filter(({ type }) => type === 'line').map(({ message }) => message)).toContain(
      'PLAY [all] '.padEnd(80, '*'),
    );
  });

  test('is successful when every failure was rescued or ignored', async () => {
    await world.file(
      'rescued.yml',
      play('- block:\n    - raw: exit 1\n  rescue:\n    - raw: echo saved\n- raw: exit 1\n  ignore_errors: true'),
    );
    const result = await world.run({ playbook: 'rescued.yml', inventory: 'hosts.ini', ...one });
    expect(result.verdict).toBe('successful');
    expect(result.hosts['a']).toMatchObject({ outcome: 'ok', rescued: 1, ignored: 1, failed: 0 });
  });

  test('is successful when the play has no tasks at all', async () => {
    await world.file('empty.yml', '- hosts: all\n  gather_facts: false\n');
    const result = await world.run({ playbook: 'empty.yml', inventory: 'hosts.ini' });
    expect(result).toMatchObject({ verdict: 'successful', hosts: { a: { outcome: 'ok' }, b: { outcome: 'ok' } } });
  });

  test('starts at a task and says what that means; a name that no task has is refused', async () => {
    const tasks = ['one', 'two', 'three'].map(
      (name) => `- name: ${name}\n  raw: echo ${name} >> {{ playbook_dir }}/began`,
    );
    await world.file('begin.yml', play(tasks.join('\n'), 'localhost'));
    const handle = await world.start({ playbook: 'begin.yml', startAtTask: 'tw*' });
    expect(await handle.result()).toMatchObject({ verdict: 'successful', hosts: { localhost: { ok: 2 } } });
    expect(await world.read('began')).toBe('two\nthree\n');
    expect((await statusOf(handle)).warnings.join()).toContain('starts at task "tw*"');
    const failure = await failureOf(world.run({ playbook: 'begin.yml', startAtTask: 'four' }));
    expect(failure.code).toBe('AnsiblePlaybookInvalid');
    expect(failure.message).toContain('no task is named "four"');
  });

  test('takes groups from the input, and variables of hosts, groups and the caller', async () => {
    await world.file(
      'vars.yml',
      play('- raw: echo "{{ who }} {{ ring }} {{ release }}" >> {{ playbook_dir }}/vars.txt'),
    );
    const groups = { web: { hosts: { w1: { who: 'w1' }, w2: { who: 'w2' } }, vars: { ring: 'inner' } } };
    await world.run({ playbook: 'vars.yml', inventory: { groups }, extraVars: { release: '1.4' } });
    expect((await world.read('vars.txt')).trim().split('\n').toSorted()).toEqual(['w1 inner 1.4', 'w2 inner 1.4']);
  });
});

describe('a playbook that does not', () => {
  test('fails with AnsibleHostsFailed and the whole result in the details', async () => {
    await world.file('fail.yml', play('- name: only b\n  raw: test {{ inventory_hostname }} = a'));
    const handle = await world.start({ playbook: 'fail.yml', inventory: 'hosts.ini', ...one });
    const failure = await failureOf(handle.result());
    expect(failure.code).toBe('AnsibleHostsFailed');
    expect(failure.message).toContain('b: only b: non-zero return code');
    expect(ansibleResultSchema.parse(failure.details)).toMatchObject({
      verdict: 'failed',
      failedHosts: ['b'],
      hosts: { a: { outcome: 'ok' }, b: { outcome: 'failed', failed: 1 } },
    });
  });

  test('fails with AnsibleHostsUnreachable only when nothing else failed', async () => {
    await world.file(
      'reach.yml',
      '- hosts: all\n  gather_facts: false\n  tasks:\n    - raw: test {{ inventory_hostname }} != bad\n',
    );
    const ssh = { ansible_host: '127.0.0.1', ansible_port: 1, ansible_ssh_common_args: '-o ConnectTimeout=2' };
    const local = { ansible_connection: 'local' };
    const lost = await failureOf(
      world.run({ playbook: 'reach.yml', inventory: { groups: { g: { hosts: { gone: ssh, good: local } } } }, ...one }),
    );
    expect(lost.code).toBe('AnsibleHostsUnreachable');
    expect(lost.details).toMatchObject({
      verdict: 'unreachable',
      failedHosts: ['gone'],
      hosts: { good: { outcome: 'ok' } },
    });
    const mixed = await failureOf(
      world.run({ playbook: 'reach.yml', inventory: { groups: { g: { hosts: { gone: ssh, bad: local } } } }, ...one }),
    );
    expect(mixed.code).toBe('AnsibleHostsFailed');
    expect(mixed.details.failedHosts).toEqual(['bad', 'gone']);
  });

  test.each([
    ['a pattern that names nothing', play('- raw: echo', 'nowhere'), { inventory: 'hosts.ini' }],
    ['hosts: all without an inventory', play('- raw: echo', 'all'), {}],
    ['a limit that matches nothing', play('- raw: echo', 'all'), { inventory: 'hosts.ini', limit: 'nowhere' }],
    [
      'a limit of which one part matches nothing',
      play('- raw: echo', 'all'),
      { inventory: 'hosts.ini', limit: ['a', 'typo'] },
    ],
  ])('fails with AnsibleNoHostsMatched for %s', async (_, text, input) => {
    await world.file('none.yml', text);
    const failure = await failureOf(world.run({ playbook: 'none.yml', ...input }));
    expect(failure.code).toBe('AnsibleNoHostsMatched');
    expect(failure.details).toMatchObject({ verdict: 'no-hosts', hosts: {} });
  });

  test.each([
    ['text that is no YAML', '- hosts: all\n  tasks: [\n'],
    ['a module that does not exist', play('- no_such_module: {}')],
    ['an unknown keyword', '- hosts: all\n  taskz: []\n'],
    [
      'a vaulted variable without a password',
      play('- debug: {msg: "{{ x }}"}', 'all', '  vars_files: [vaulted.yml]\n'),
    ],
    ['a file that holds no plays', 'just: a mapping\n'],
  ])('fails with AnsiblePlaybookInvalid for %s, and tries only once', async (_, text) => {
    await world.file('vaulted.yml', '$ANSIBLE_VAULT;1.1;AES256\n3031\n');
    await world.file('invalid.yml', text);
    const handle = await world.start({ playbook: 'invalid.yml', inventory: 'hosts.ini' });
    const failure = await failureOf(handle.result());
    expect(failure.code).toBe('AnsiblePlaybookInvalid');
    expect(failure.message.length).toBeGreaterThan(20);
    expect((await world.events(handle.workflowId)).filter(({ type }) => type === 'batch_start')).toHaveLength(1);
  });

  test.each([
    ['is missing', 'no-such.ini', undefined],
    ['does not parse', 'broken.ini', '[web\nfoo bar = = [\n'],
    ['is a script that fails', 'broken.sh', '#!/bin/sh\nexit 3\n'],
  ])('fails with AnsibleInventoryInvalid when the inventory %s', async (_, inventory, text) => {
    if (text !== undefined) await world.file(inventory, text, inventory.endsWith('.sh') ? 0o755 : 0o644);
    await world.file('fine.yml', play('- raw: echo'));
    const failure = await failureOf(world.run({ playbook: 'fine.yml', inventory }));
    expect(failure.code).toBe('AnsibleInventoryInvalid');
    expect(failure.message).toContain(inventory);
  });

  test.each([
    ['NotFound', { playbook: 'no-such.yml' }, 'no-such.yml'],
    ['NotFound', { playbook: 'fine.yml', project: { path: 'no-such-project' } }, 'no-such-project'],
    ['PathRefused', { playbook: '../../../../etc/passwd' }, 'etc/passwd'],
    ['PathRefused', { playbook: 'fine.yml', inventory: '/etc/hosts' }, '/etc/hosts'],
    ['InvalidInput', { playbook: 'fine.yml', limit: '@/etc/passwd' }, '@/etc/passwd'],
    ['InvalidInput', { playbok: 'fine.yml' }, 'playbook'],
    ['InvalidInput', null, 'AnsibleWorkflow input'],
    ['InvalidInput', {}, 'playbook'],
    ['NotFound', { playbook: 'fine.yml', extraVars: { x: { $secret: 'nobody_knows' } } }, 'nobody_knows'],
    ['NotFound', { retryOf: 'no-such-run' }, 'no-such-run'],
  ])('fails with %s for %j', async (code, input, named) => {
    await world.file('fine.yml', play('- raw: echo', 'localhost'));
    const failure = await failureOf(world.run(input));
    expect(failure).toMatchObject({ code });
    expect(failure.message).toContain(named);
  });

  test('fails with TimedOut, and nothing of it is left', async () => {
    await world.file('slow.yml', play('- raw: sleep 60', 'localhost'));
    const handle = await world.start({ playbook: 'slow.yml', timeout: '3s' });
    const failure = await failureOf(handle.result());
    expect(failure.code).toBe('TimedOut');
    expect(failure.message).toContain('nothing left running');
    expect(failure.details.verdict).toBe('error');
  });
});

describe('secrets', () => {
  test('reach the play and show up nowhere', async () => {
    await world.file(
      'secret.yml',
      play(
        '- raw: test "{{ pw }}" = hunter2-and-more && ps axww | grep -c "[h]unter2-and-more" > {{ playbook_dir }}/argv.txt; echo said {{ pw }} 1>&2\n- debug: {msg: "{{ pw }}"}',
        'localhost',
      ),
    );
    const handle = await world.start({
      playbook: 'secret.yml',
      extraVars: { pw: { $secret: 'db_password' } },
      verbosity: 3,
    });
    const result = (await handle.result()) as { verdict: string };
    expect(result.verdict).toBe('successful');
    const events = JSON.stringify(await world.events(handle.workflowId));
    expect(events).toContain('said ***');
    expect(events + JSON.stringify(result) + (await historyOf(handle))).not.toContain('hunter2');
  });

  test('of a vault open the files of the project', async () => {
    const { execFile } = await import('node:child_process');
    const { promisify } = await import('node:util');
    await world.file('vault-pass', 'vault-pass-word\n');
    await world.file('vars/vaulted.yml', 'token: opened\n');
    await promisify(execFile)(
      `${world.ansibleBin}/ansible-vault`,
      ['encrypt', '--vault-id', `prod@${world.root}/vault-pass`, `${world.root}/vars/vaulted.yml`],
      {
        env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', LC_ALL: 'C.UTF-8' },
      },
    );
    await world.file(
      'vault.yml',
      play('- raw: test {{ token }} = opened', 'localhost', '  vars_files: [vars/vaulted.yml]\n'),
    );
    const good = await world.run({ playbook: 'vault.yml', vault: [{ id: 'prod', password: { $secret: 'vault' } }] });
    expect(good.verdict).toBe('successful');
    const wrong = await failureOf(
      world.run({ playbook: 'vault.yml', vault: [{ id: 'prod', password: { $secret: 'db_password' } }] }),
    );
    expect(wrong.code).toBe('AnsiblePlaybookInvalid');
    expect(wrong.message).toMatch(/decrypt/i);
  });

  test('of the worker are not in the environment of the play', async () => {
    await world.file('env.yml', play('- raw: env > {{ playbook_dir }}/env.txt', 'localhost'));
    await world.run({ playbook: 'env.yml' });
    const env = await world.read('env.txt');
    expect(env).toContain('PATH=');
    expect(env).not.toMatch(/^(?:DB_|TEMPORAL_|SECRET_|SWITCHYARD_ARTIFACT)/m);
  });
});

test('a no_log result is hidden in every event', async () => {
  await world.file('nolog.yml', play('- raw: echo not-for-the-log\n  no_log: true', 'localhost'));
  const handle = await world.start('nolog.yml');
  await handle.result();
  expect(JSON.stringify(await world.events(handle.workflowId))).not.toContain('not-for-the-log"');
});

test("the project's own callbacks go on working beside ours", async () => {
  await world.file('proj/ansible.cfg', '[defaults]\ncallback_plugins = ./own\ncallbacks_enabled = mine\n');
  await world.file(
    'proj/own/mine.py',
    'import os\nfrom ansible.plugins.callback import CallbackBase\nDOCUMENTATION = """\nname: mine\ntype: notification\nshort_description: test\nversion_added: "1"\ndescription: [test]\n"""\nclass CallbackModule(CallbackBase):\n    CALLBACK_VERSION = 2.0\n    CALLBACK_TYPE = "notification"\n    CALLBACK_NAME = "mine"\n    CALLBACK_NEEDS_ENABLED = True\n    def v2_playbook_on_stats(self, stats):\n        open("mine.txt", "w").write("called")\n',
  );
  await world.file('proj/p.yml', play('- raw: echo', 'localhost'));
  const result = await world.run({ playbook: 'p.yml', project: { path: 'proj' } });
  expect(result.verdict).toBe('successful');
  expect(await world.read('proj/mine.txt')).toBe('called');
});
