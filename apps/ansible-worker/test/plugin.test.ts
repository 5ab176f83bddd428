import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createMasker, runProgram } from '@switchyard/process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pluginEventSchema, type PluginEvent, type PluginEventOf } from '../src/events/plugin-event.js';
import { PLUGIN_DIR } from '../src/play/project-settings.js';
import { playEnvironment } from '../src/play/environment.js';
import { ansibleEnvironment, play } from './world.js';

let root: string;
let bin: string;

beforeAll(async () => {
  root = await realpath(await mkdtemp(path.join(tmpdir(), 'plugin-')));
  bin = (await ansibleEnvironment())['SWITCHYARD_ANSIBLE_BIN'] ?? '';
  await file('hosts.ini', 'a\nb\nc\n');
  await file('tasks/more.yml', '- raw: echo\n  run_once: true\n');
  await file('tasks/plain.yml', '- raw: echo\n');
  await file('tasks/nested.yml', '- include_tasks: "{{ what }}.yml"\n');
  await file('roles/shared/tasks/main.yml', '- raw: echo\n');
  await file('roles/shared/templates/x.j2', '{{ hostvars }}\n');
  await file('roles/alone/tasks/main.yml', '- raw: echo\n');
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function file(name: string, text: string): Promise<void> {
  await mkdir(path.dirname(path.join(root, name)), { recursive: true });
  await writeFile(path.join(root, name), text);
}

/** The plugin's events of a playbook. */
async function eventsOf(text: string, maxHosts = 2, args: readonly string[] = []): Promise<PluginEvent[]> {
  await file('p.yml', text);
  const events: PluginEvent[] = [];
  const env = playEnvironment({
    env: process.env,
    callbackPlugins: PLUGIN_DIR,
    workspace: root,
    maxHosts,
    hasInventory: true,
  });
  await runProgram({
    command: path.join(bin, 'ansible-playbook'),
    args: ['-i', 'hosts.ini', ...args, 'p.yml'],
    cwd: root,
    env,
    marker: 'plugin-test',
    mask: createMasker(),
    events: { envName: 'SWITCHYARD_EVENTS_FD', onEvent: (event) => void events.push(pluginEventSchema.parse(event)) },
  });
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  return events;
}

const only = <E extends PluginEvent['ev']>(events: readonly PluginEvent[], ev: E): PluginEventOf<E>[] =>
  events.filter((event): event is PluginEventOf<E> => event.ev === ev);

describe('more hosts than one batch', () => {
  test('end the process before any task when the hosts know nothing of each other', async () => {
    const events = await eventsOf(play('- raw: echo >> ran'));
    expect(
      only(events, 'hosts')
        .flatMap(({ names }) => names)
        .toSorted(),
    ).toEqual(['a', 'b', 'c']);
    expect(only(events, 'plan')).toMatchObject([{ total: 3, split: true, reasons: [] }]);
    expect(only(events, 'task_start')).toEqual([]);
  });

  test.each([
    ['run_once', play('- raw: echo\n  run_once: true')],
    ['delegate_to', play('- raw: echo\n  delegate_to: a')],
    ['any_errors_fatal', play('- raw: echo\n  any_errors_fatal: true')],
    ['add_host', play('- add_host: {name: d}')],
    ['serial', play('- raw: echo', 'all', '  serial: 1\n')],
    ['max_fail_percentage', play('- raw: echo', 'all', '  max_fail_percentage: 10\n')],
    ['any_errors_fatal', play('- raw: echo', 'all', '  any_errors_fatal: true\n')],
    ['hostvars', play('- raw: echo {{ hostvars["a"]["inventory_hostname"] }}')],
    ['groups', play('- raw: echo {{ groups["all"][0] }}')],
    ['different hosts', play('- raw: echo', 'a:b') + play('- raw: echo', 'c')],
    ['run_once', play('- include_tasks: tasks/more.yml')],
    ['x.j2 uses hostvars', play('- include_tasks: "{{ what }}.yml"')],
    ['x.j2 uses hostvars', play('- include_tasks: tasks/nested.yml')],
    ['hostvars', play('- raw: echo', 'all', '  roles: [shared]\n')],
    ['hostvars', play('- import_role: {name: shared}')],
    ['hostvars', play('- include_role: {name: shared}')],
    ['hostvars', play('- include_role: {name: "{{ what }}"}')],
  ])('stay together because of %s', async (reason, text) => {
    const [plan] = only(await eventsOf(text), 'plan');
    expect(plan).toMatchObject({ split: false, total: 3 });
    expect(plan?.reasons.join('; ')).toContain(reason);
  });

  test.each([
    ['a comment about hostvars', play('- raw: echo\n# hostvars, run_once: true')],
    ['an included file of which nothing speaks of other hosts', play('- include_tasks: tasks/plain.yml')],
    ['a role beside which another one does', play('- raw: echo', 'all', '  roles: [alone]\n')],
    ['several plays on the same hosts', play('- raw: echo') + play('- raw: echo', 'a:b:c')],
  ])('are sliced with %s', async (_, text) => {
    expect(only(await eventsOf(text), 'plan')).toMatchObject([{ split: true, reasons: [] }]);
  });
});

describe('a host that ended its last task', () => {
  test('is told at once', async () => {
    const events = await eventsOf(play('- raw: echo 1\n- raw: echo 2'), 0, ['--limit', 'a,b']);
    expect(
      only(events, 'host_done')
        .map(({ host }) => host)
        .toSorted(),
    ).toEqual(['a', 'b']);
  });

  test('is not told while a later play, a handler or an include may follow, or when it failed', async () => {
    const limit = ['--limit', 'a,b'];
    const handler = play('- raw: echo\n  notify: h', 'all', '  handlers: [{name: h, raw: echo}]\n');
    expect(only(await eventsOf(handler, 0, limit), 'host_done')).toEqual([]);
    expect(only(await eventsOf(play('- include_tasks: tasks/x.yml'), 0, limit), 'host_done')).toEqual([]);
    expect(only(await eventsOf(play('- raw: exit 1'), 0, limit), 'host_done')).toEqual([]);
    expect(only(await eventsOf(play('- raw: echo\n  run_once: true'), 0, limit), 'host_done')).toEqual([]);
    const two = await eventsOf(play('- raw: echo') + play('- raw: echo', 'all'), 0, limit);
    const done = two.findIndex(({ ev }) => ev === 'host_done');
    expect(two.slice(0, done).filter(({ ev }) => ev === 'play_start')).toHaveLength(2);
  });
});

test('a result of several megabytes arrives cut, and the channel stays whole', async () => {
  const events = await eventsOf(play('- raw: head -c 3000000 /dev/zero | tr "\\0" x\n- raw: echo after'), 0, [
    '--limit',
    'a',
  ]);
  const [big, after] = only(events, 'ok');
  expect(JSON.stringify(big?.res).length).toBeLessThan(256 * 1024);
  expect(String(big?.res['stdout'])).toMatch(/\.\.\.\[cut\]$/);
  expect(after?.res['stdout']).toContain('after');
});

test('a value of any type arrives, also one that JSON does not have', async () => {
  const events = await eventsOf(
    play('- debug: {var: shown}', 'a', '  vars: {shown: {day: 2026-01-02, 1: [1.5, true, null, é, .nan, -.inf]}}\n'),
  );
  expect(only(events, 'ok').map(({ res }) => res)).toEqual([
    { shown: { day: '2026-01-02', '1': [1.5, true, null, 'é', 'NaN', '-Infinity'] }, changed: false },
  ]);
});

test('loops, retries, skips and ignored failures have their own events', async () => {
  const events = await eventsOf(
    play(
      '- debug: {msg: "{{ item }}"}\n  loop: [x, y]\n- raw: exit 1\n  register: r\n  until: r.rc == 0\n  retries: 1\n  delay: 0\n  ignore_errors: true\n- raw: echo\n  when: false',
    ),
    0,
    ['--limit', 'a'],
  );
  expect(only(events, 'retry')).toHaveLength(1);
  expect(events.filter(({ ev }) => ev === 'item_ok')).toHaveLength(2);
  expect(events.filter(({ ev }) => ev === 'failed')).toMatchObject([{ ignored: true }]);
  expect(events.filter(({ ev }) => ev === 'skipped')).toHaveLength(1);
});
