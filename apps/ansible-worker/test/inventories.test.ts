import { listArtifacts } from '@switchyard/store';
import { fakeHttp, type FakeHttp } from '@switchyard/testkit';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { failureOf, historyOf, openWorld, play, type World } from './world.js';

let world: World;
let cmdb: FakeHttp;

const host = (name: string, role: string) => ({ name, ip: `ip-of-${name}`, user: 'ops', role });
const TOKEN = 'the-token-of-the-cmdb';
/** Merged behind the CMDB: the hosts of a test are all on this machine. */
const LOCAL = { groups: { all: { vars: { ansible_connection: 'local' } } } };
const source = (more: object = {}) => ({
  source: 'cmdb',
  url: cmdb.url,
  token: { $secret: 'cmdb_token' },
  become: false,
  ...more,
});

beforeAll(async () => {
  world = await openWorld();
  cmdb = await fakeHttp();
  await world.startWorker({ SECRET_CMDB_TOKEN: TOKEN });
  await world.file('who.yml', play('- raw: echo {{ ansible_host }} {{ ansible_user }}', 'web'));
});
afterAll(async () => {
  await cmdb.close();
  await world[Symbol.asyncDispose]();
});
beforeEach(() => {
  cmdb.on({ 'GET /hosts': { body: { hosts: [host('w1', 'web'), host('w2', 'web'), host('d1', 'db')] } } });
});

const said = async (runId: string) =>
  (await world.events(runId)).filter(({ type }) => type === 'inventory').map(({ data }) => data);
const asked = (): number => cmdb.requests.length;

test('hosts of a CMDB are asked for once, although the batches are several processes', async () => {
  const before = asked();
  const handle = await world.start({ playbook: 'who.yml', inventory: [source(), LOCAL], batchSize: 1 });
  const result = (await handle.result()) as { hosts: object };
  expect(result).toMatchObject({ verdict: 'successful', batches: 2 });
  expect(Object.keys(result.hosts)).toEqual(['w1', 'w2']);
  expect(asked() - before).toBe(1);
  expect(await said(handle.workflowId)).toEqual([
    { source: 'cmdb', refresh: 'always', hosts: 3, digest: null, ageMs: 0 },
  ]);
  const events = JSON.stringify(await world.events(handle.workflowId));
  expect(events).toContain('ip-of-w1 ops');
  expect(events + JSON.stringify(result) + (await historyOf(handle))).not.toContain(TOKEN);
});

test('a CMDB that gives half a page starts nothing', async () => {
  cmdb.on({
    'GET /hosts': ({ query }) =>
      query['page'] === '2' ? { body: '{"hosts": [' } : { body: { hosts: [host('w1', 'web')], next: '?page=2' } },
  });
  const handle = await world.start({ playbook: 'who.yml', inventory: [source({ attempts: 2 }), LOCAL] });
  expect(await failureOf(handle.result())).toMatchObject({
    code: 'UpstreamFailed',
    message: expect.stringContaining('no whole JSON'),
  });
  expect((await world.events(handle.workflowId)).map(({ type }) => type)).not.toContain('play_start');
});

test('an inventory that is kept is used while it is young enough, and its age is told', async () => {
  const before = asked();
  const run = async (more: object): Promise<Record<string, unknown>> => {
    const handle = await world.start({ playbook: 'who.yml', inventory: [source(more), LOCAL] });
    await handle.result();
    return (await said(handle.workflowId))[0] ?? {};
  };
  const first = await run({ refresh: 'ttl', ttl: '1h' });
  const second = await run({ refresh: 'ttl', ttl: '1h' });
  expect(second).toMatchObject({ digest: first['digest'], hosts: 3 });
  expect(Number(second['ageMs'])).toBeGreaterThan(0);
  expect(asked() - before).toBe(1);
  cmdb.on({ 'GET /hosts': { body: { hosts: [host('w9', 'web')] } } });
  expect(await run({ refresh: 'never' })).toMatchObject({ hosts: 3 });
  expect(asked() - before).toBe(1);
  expect(await run({ refresh: 'ttl', ttl: 0 })).toMatchObject({ hosts: 1, ageMs: 0 });
  expect(asked() - before).toBe(2);
  expect(await run({ refresh: 'never' })).toMatchObject({ hosts: 1 });
});

test('an inventory that is too old is not used when the CMDB fails', async () => {
  const warm = { playbook: 'who.yml', inventory: [source({ refresh: 'ttl', ttl: 0 }), LOCAL] };
  await world.run(warm);
  cmdb.on({ 'GET /hosts': { status: 403 } });
  expect((await failureOf(world.run(warm))).code).toBe('AuthFailed');
});

test('groups out of outputs, a file and inline groups are merged, and the last one counts', async () => {
  await world.file('merge.ini', '[web]\nw1 ring=file\nw2 ring=file\n');
  await world.file(
    'merge.yml',
    play('- raw: echo {{ inventory_hostname }}:{{ ring }} >> {{ playbook_dir }}/merged', 'web'),
  );
  const outputs = { hosts: { value: { w3: { ring: 'stack' }, w2: { ring: 'stack' } }, sensitive: false } };
  const inventory = [
    'merge.ini',
    { source: 'terraform', outputs, groups: { web: 'hosts' } },
    { groups: { web: { hosts: { w3: { ring: 'inline' } } } } },
  ];
  const handle = await world.start({ playbook: 'merge.yml', inventory });
  expect(await handle.result()).toMatchObject({ verdict: 'successful' });
  expect((await world.read('merged')).trim().split('\n').toSorted()).toEqual(['w1:file', 'w2:stack', 'w3:inline']);
  expect((await listArtifacts(world.store.db, { runId: handle.workflowId })).map(({ kind }) => kind)).toEqual([
    'ansible-input',
  ]);
});
