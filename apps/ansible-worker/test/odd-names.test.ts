import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { failureOf, openWorld, play, type World } from './world.js';

let world: World;

beforeAll(async () => {
  world = await openWorld();
  await world.startWorker();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await Promise.all(['ran.txt', 'gone'].map((name) => rm(path.join(world.root, name), { force: true })));
});

/** Says which host it runs on, whatever is in its name. */
const RAN = '- raw: echo {{ inventory_hostname | quote }} >> {{ playbook_dir }}/ran.txt';
const ran = async (): Promise<string[]> => (await world.read('ran.txt')).split('\n').filter(Boolean).toSorted();
const hosts = (...names: string[]) => ({ hosts: Object.fromEntries(names.map((name) => [name, null])) });

describe('hosts with odd names', () => {
  test('run in batches of one, each once, and no other with them', async () => {
    const odd = [
      '~web.*',
      '-x',
      '@x',
      '*',
      'web*',
      'ungrouped',
      'web',
      'a,b',
      'a:b',
      'a/b',
      '#c',
      'in ner',
      'fe80::1',
      'bücher',
      '日本',
      'a%b',
      '$x',
      'x;y',
      "a'b",
    ];
    await world.file('odd.yml', play(RAN));
    const result = await world.run({
      playbook: 'odd.yml',
      inventory: { groups: { web: hosts('web1', 'web2'), 'odd group-1': hosts(...odd) } },
      batchSize: 1,
      maxParallel: 4,
    });
    const all = [...odd, 'web1', 'web2'];
    expect(result).toMatchObject({ verdict: 'successful', batches: all.length });
    expect(Object.keys(result.hosts).toSorted()).toEqual(all.toSorted());
    expect(await ran()).toEqual(all.toSorted());
  }, 300_000);

  test('that are ranges and addresses with a port are the hosts that Ansible makes of them', async () => {
    await world.file('odd.yml', play(RAN));
    const names = hosts('web[01:03]', 'db[a:b]', '[fe80::1]:22', 'mail:2222');
    const result = await world.run({ playbook: 'odd.yml', inventory: { groups: { web: names } }, batchSize: 2 });
    const made = ['dba', 'dbb', 'fe80::1', 'mail', 'web01', 'web02', 'web03'];
    expect(Object.keys(result.hosts).toSorted()).toEqual(made);
    expect(await ran()).toEqual(made);
  }, 120_000);

  test.each(['all', '!x', '&x', 'web[1]', 'web[1:3', ' lead', 'trail ', 'a\nb', '{{ x }}', ''])(
    'are refused before anything runs when Ansible would take %j for something else',
    async (name) => {
      await world.file('odd.yml', play(RAN));
      const inventory = { groups: { web: { children: { inner: hosts('web1', name) } } } };
      expect(await failureOf(world.run({ playbook: 'odd.yml', inventory }))).toMatchObject({
        code: 'InvalidInput',
        message: expect.stringContaining('is no name of a host: it '),
      });
      const outputs = { names: { value: ['web1', name], sensitive: false } };
      const stack = { source: 'terraform', outputs, groups: { web: 'names' } };
      expect(await failureOf(world.run({ playbook: 'odd.yml', inventory: stack }))).toMatchObject({
        code: 'AnsibleInventoryInvalid',
        message: expect.stringContaining('is no name of a host: it '),
      });
      expect(await ran()).toEqual([]);
    },
  );
});

describe('a batch', () => {
  test('does not run other hosts when one of the inventory file has a name that leaves hosts out', async () => {
    await world.file('odd.yml', play(RAN));
    await world.file('hosts.json', JSON.stringify({ web: hosts('!x', 'web1', 'web2', 'web3') }));
    const input = { playbook: 'odd.yml', inventory: 'hosts.json', batchSize: 1, maxParallel: 1 };
    expect(await failureOf(world.run(input))).toMatchObject({
      code: 'AnsibleInventoryInvalid',
      message: expect.stringContaining('would run on web1, web2, web3, which it was not given'),
    });
    expect(await ran()).toEqual([]);
  }, 120_000);

  test('does not run a group when the host of that name has left the inventory', async () => {
    const group = { web: hosts('w1', 'w2') };
    const before = JSON.stringify({ web: { hosts: ['w1', 'w2'] }, other: { hosts: ['web'] }, _meta: { hostvars: {} } });
    const after = JSON.stringify({ web: { hosts: Object.keys(group.web.hosts) }, _meta: { hostvars: {} } });
    await world.file(
      'cmdb.sh',
      `#!/bin/sh\nif test -e "$(dirname "$0")/gone"; then echo '${after}'; else echo '${before}'; fi\n`,
      0o755,
    );
    await world.file('leaves.yml', play(`${RAN}\n- raw: touch {{ playbook_dir }}/gone`));
    const input = { playbook: 'leaves.yml', inventory: 'cmdb.sh', batchSize: 1, maxParallel: 1 };
    expect(await failureOf(world.run(input))).toMatchObject({
      code: 'AnsibleInventoryInvalid',
      message: expect.stringContaining(
        'would run on w1, w2, which it was not given: a host that it was given has left',
      ),
    });
    expect(await ran()).toEqual(['w1', 'w2']);
  }, 120_000);
});
