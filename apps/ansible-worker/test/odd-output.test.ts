import { hostsOf, latestExecution } from '@switchyard/store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWorld, play, type World } from './world.js';

let world: World;

beforeAll(async () => {
  world = await openWorld();
  await world.startWorker();
});
afterAll(() => world[Symbol.asyncDispose]());

/** A callback of the project that writes into the channel of the events: before each result, one kind of damage. */
const NOISE = `
import os
from ansible.plugins.callback import CallbackBase

DAMAGE = [b'{"v": 1, "ev": "ok", "host": ', b'\\xff\\xfe\\n', b'Traceback\\n', b'x' * 3000000 + b'\\n', b'{"v": 99}\\n']

class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'notification'
    CALLBACK_NAME = 'noise'
    CALLBACK_NEEDS_ENABLED = False

    def v2_runner_on_start(self, host, task):
        fd = os.environ.get('SWITCHYARD_EVENTS_FD')
        rest = DAMAGE.pop(0) if fd and DAMAGE else b''
        while rest:
            rest = rest[os.write(int(fd), rest):]
`;

test('damage on the event channel is told, and no event beside it is lost', async () => {
  await world.file('noisy/callback_plugins/noise.py', NOISE);
  await world.file('noisy/site.yml', play(['1', '2', '3', '4', '5', '6'].map((n) => `- raw: echo ${n}`).join('\n')));
  const handle = await world.start({
    playbook: 'noisy/site.yml',
    inventory: { groups: { g: { hosts: { a: null } } } },
  });
  expect(await handle.result()).toMatchObject({ verdict: 'successful', hosts: { a: { outcome: 'ok', ok: 6 } } });
  const events = await world.events(handle.workflowId);
  expect(events.filter(({ type }) => type === 'host_ok')).toHaveLength(6);
  const told = events.filter(({ type }) => type === 'event_unreadable');
  expect(told).toHaveLength(5);
  expect(told.every(({ level }) => level === 'warning')).toBe(true);
});

const ODD = [
  'fe80::1',
  '10.0.0.1',
  'web-01.example.com',
  'a_b--c',
  'bücher-日本',
  'host with space',
  `long-${'x'.repeat(240)}`,
];

test('a host of any name is run once and is in ledger, result and events under that name', async () => {
  await world.file('names.yml', play('- raw: echo {{ inventory_hostname | quote }} >> {{ playbook_dir }}/names.txt'));
  const handle = await world.start({
    playbook: 'names.yml',
    inventory: { groups: { g: { hosts: Object.fromEntries(ODD.map((name) => [name, null])) } } },
  });
  const result = (await handle.result()) as { hosts: Record<string, unknown> };
  expect(Object.keys(result.hosts).toSorted()).toEqual(ODD.toSorted());
  expect((await world.read('names.txt')).trim().split('\n').toSorted()).toEqual(ODD.toSorted());
  const execution = await latestExecution(world.store.db, { runId: handle.workflowId });
  const ledger = await hostsOf(world.store.db, { executionId: execution?.executionId ?? '' });
  expect(ledger.map(({ host }) => host).toSorted()).toEqual(ODD.toSorted());
  const events = await world.events(handle.workflowId);
  const subjects = events.filter(({ type }) => type === 'host_ok').map(({ subject }) => subject ?? '');
  expect(subjects.toSorted()).toEqual(ODD.toSorted());
});
