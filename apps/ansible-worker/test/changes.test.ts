import { afterAll, beforeAll, expect, test } from 'vitest';
import { failureOf, historyOf, openWorld, play, type World } from './world.js';

let world: World;

beforeAll(async () => {
  world = await openWorld();
  await world.startWorker({ SECRET_DB_PASSWORD: 'hunter2-and-more' });
  await world.file('hosts.ini', 'a\nb\n[all:vars]\nansible_python_interpreter="{{ ansible_playbook_python }}"\n');
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const copy = (name: string, file: string, content: string, more = ''): string =>
  `- name: ${name}\n  copy: {dest: "${world.root}/${file}", content: "${content}"}\n${more}`;

test('check mode tells per host what would change, with its diff, and changes nothing', async () => {
  await world.file('check/same-a', 'as it is\n');
  await world.file(
    'check.yml',
    play(
      copy('config', 'check/{{ inventory_hostname }}.conf', 'port=1\\n') +
        copy('same', 'check/same-{{ inventory_hostname }}', 'as it is\\n') +
        copy('each', 'check/{{ inventory_hostname }}-{{ item }}', '{{ item }}\\n', '  loop: [x, y]\n'),
    ),
  );
  const input = { playbook: 'check.yml', inventory: 'hosts.ini', check: true, diff: true };
  // Each host in a process of its own.
  const { batches, changes } = await world.run({ ...input, batchSize: 1 });
  expect(batches).toBe(2);
  expect(changes).toMatchObject({ check: true, leftOut: 0 });
  expect(Object.keys(changes?.hosts ?? {}).toSorted()).toEqual(['a', 'b']);
  expect(changes?.hosts['a']).toEqual([
    { task: 'config', diff: expect.stringMatching(/^--- before\n\+\+\+ after: .*\n@@ .* @@\n\+port=1\n/) as string },
    { task: 'each', item: 'x', diff: expect.stringContaining('+x') as string },
    { task: 'each', item: 'y', diff: expect.stringContaining('+y') as string },
  ]);
  expect(changes?.hosts['b']?.map(({ task }) => task)).toEqual(['config', 'same', 'each', 'each']);
  expect(await world.read('check/a.conf')).toBe('');
});

test('diff mode tells what changed, and a run without either says nothing of it', async () => {
  await world.file('real/conf', 'port=1\n');
  await world.file('real.yml', play(copy('config', 'real/conf', 'port=2\\n')));
  const input = { playbook: 'real.yml', inventory: 'hosts.ini', limit: 'a' };
  const { changes } = await world.run({ ...input, diff: true });
  expect(changes).toMatchObject({ check: false, leftOut: 0 });
  expect(changes?.hosts['a']).toEqual([
    { task: 'config', diff: expect.stringMatching(/\n-port=1\n\+port=2\n/) as string },
  ]);
  expect((await world.run(input)).changes).toBeUndefined();
});

test('a check that fails on a host tells each change once, however often it was tried', async () => {
  await world.file(
    'retried.yml',
    play(
      copy('config', 'retried/{{ inventory_hostname }}', 'x') +
        "- fail: {msg: no}\n  when: inventory_hostname == 'b'\n",
    ),
  );
  await world.file('retried/.keep', '');
  const handle = await world.start({
    playbook: 'retried.yml',
    inventory: 'hosts.ini',
    check: true,
    retry: { attempts: 2, delay: 1 },
  });
  const { code, details } = await failureOf(handle.result());
  expect(code).toBe('AnsibleHostsFailed');
  expect(details.changes?.hosts).toEqual({ a: [{ task: 'config' }], b: [{ task: 'config' }] });
});

test('no_log keeps a diff out, and a secret of the run is masked in one', async () => {
  await world.file('secret/.keep', '');
  await world.file(
    'secret.yml',
    play(
      copy('hidden', 'secret/hidden', 'never-shown', '  no_log: true\n') +
        copy('masked', 'secret/masked', 'password={{ password }}\\n'),
    ),
  );
  const handle = await world.start({
    playbook: 'secret.yml',
    inventory: 'hosts.ini',
    limit: 'a',
    check: true,
    diff: true,
    extraVars: { password: { $secret: 'DB_PASSWORD' } },
  });
  const { changes } = (await handle.result()) as Awaited<ReturnType<World['run']>>;
  expect(changes?.hosts['a']).toEqual([
    { task: 'hidden' },
    { task: 'masked', diff: expect.stringContaining('+password=***') as string },
  ]);
  const all = (await historyOf(handle)) + JSON.stringify(await world.events(handle.workflowId));
  expect(all).not.toMatch(/never-shown|hunter2/);
});
