import { ansibleInputSchema, parse, type CmdbResult } from '@switchyard/contracts';
import { describe, expect, it } from 'vitest';
import { failure, lost, SECRET, TOKEN, useWorld } from './world.js';

const world = useWorld();
const rest = (more: object = {}): object => ({
  rest: { url: `${world().fake.url}/api`, headers: { Authorization: TOKEN } },
  ...more,
});
const hosts = [
  { name: 'web1', role: 'web', ip: '10.0.0.1', user: 'ops' },
  { name: 'web2', role: ['web', '2-tier'], ip: '10.0.0.2' },
];

describe('a CMDB over REST', () => {
  it('gives its hosts as an inventory that AnsibleWorkflow takes', async () => {
    const { fake, call, asked } = world();
    fake.on({ 'GET /api/hosts': { body: { hosts } } });
    const result = (await call('askCmdb', rest({ query: { env: 'prod', rack: 7 } }))) as CmdbResult;
    expect(result.hosts).toEqual(hosts);
    expect(result.groups).toEqual({
      all: { hosts: { web1: { ansible_host: '10.0.0.1', ansible_user: 'ops' }, web2: { ansible_host: '10.0.0.2' } } },
      web: { hosts: { web1: {}, web2: {} } },
      _2_tier: { hosts: { web2: {} } },
    });
    expect(parse(ansibleInputSchema, { playbook: 'site.yml', inventory: { groups: result.groups } }).ok).toBe(true);
    expect(asked('GET /api/hosts')[0]).toMatchObject({
      query: { env: 'prod', rack: '7' },
      headers: { authorization: SECRET },
    });
  });

  it('refuses a name that Ansible would take for several hosts', async () => {
    const { fake, call } = world();
    fake.on({ 'GET /api/hosts': { body: [{ name: 'web[1:99]' }] } });
    const failed = await failure(call('askCmdb', rest()));
    expect(failed).toMatchObject({ type: 'UpstreamFailed', nonRetryable: true });
    expect(failed.message).toContain('"web[1:99]"');
  });

  it('refuses more hosts than a result can carry', async () => {
    const { fake, call } = world();
    const many = Array.from({ length: 2_000 }, (_, i) => ({ name: `h${i}`, note: 'x'.repeat(1_000) }));
    fake.on({ 'GET /api/hosts': { body: many } });
    expect(await failure(call('askCmdb', rest()))).toMatchObject({
      type: 'InvalidInput',
      message: expect.stringContaining('narrow them with `query`') as string,
    });
  });

  it('keeps a record by its name, so that a second time changes nothing more', async () => {
    const { fake, call, asked } = world();
    fake.on({ 'PUT /api/hosts/web1': [lost, { body: { name: 'web1', ip: '10.0.0.1', id: 7 } }] });
    const upsert = rest({ action: 'upsert', name: 'web1', attributes: { ip: '10.0.0.1', key: TOKEN } });
    expect(await failure(call('askCmdb', upsert))).toMatchObject({ nonRetryable: false });
    expect(await call('askCmdb', upsert)).toMatchObject({ record: { name: 'web1', id: 7 }, changed: true });
    const kept = { ip: '10.0.0.1', key: SECRET, name: 'web1' };
    expect(asked('PUT /api/hosts/web1').map(({ json }) => json)).toEqual([kept, kept]);
  });

  it('never gives a secret back that it keeps', async () => {
    const { fake, call } = world();
    fake.on({ 'PUT /api/hosts/web1': { status: 204 } });
    const upsert = rest({ action: 'upsert', name: 'web1', attributes: { key: TOKEN } });
    expect(await call('askCmdb', upsert)).toMatchObject({ record: { name: 'web1', key: '***' } });
  });

  it('removes a record, and is content when there is none', async () => {
    const { fake, call } = world();
    fake.on({ 'DELETE /api/hosts/web1': [{ status: 204 }, { status: 404 }] });
    expect(await call('askCmdb', rest({ action: 'remove', name: 'web1' }))).toMatchObject({ changed: true });
    expect(await call('askCmdb', rest({ action: 'remove', name: 'web1' }))).toMatchObject({ changed: false });
  });

  it('takes an answer that is no list of hosts for a broken one', async () => {
    const { fake, call } = world();
    fake.on({ 'GET /api/hosts': { body: { hosts: [{ ip: '10.0.0.1' }] } } });
    const failed = await failure(call('askCmdb', rest()));
    expect(failed.message).toContain('something else than it documents');
  });
});

describe('the CMDB of ServiceNow', () => {
  const PATH = '/api/now/table/cmdb_ci_server';
  const servicenow = (more: object = {}): object => ({ servicenow: { url: world().fake.url, token: TOKEN }, ...more });

  it('gives the items of a class that fit the query', async () => {
    const { fake, call, asked } = world();
    fake.on({
      [`GET ${PATH}`]: { body: { result: [{ name: 'web1', sys_id: 'a', ip_address: '10.0.0.1', role: 'web' }] } },
    });
    const result = await call(
      'askCmdb',
      servicenow({ query: { location: 'fra' }, variables: { ansible_host: 'ip_address' } }),
    );
    expect(result).toMatchObject({ groups: { all: { hosts: { web1: { ansible_host: '10.0.0.1' } } }, web: {} } });
    expect(asked(`GET ${PATH}`)[0]).toMatchObject({
      query: { sysparm_query: 'location=fra^ORDERBYname' },
      headers: { authorization: `Bearer ${SECRET}` },
    });
  });

  it('makes an item once: what an attempt with a lost answer made is found by name and changed', async () => {
    const { fake, call, asked } = world();
    let made: object | undefined;
    fake.on({
      [`GET ${PATH}`]: () => ({ body: { result: made ? [made] : [] } }),
      [`POST ${PATH}`]: ({ json }) => {
        made = { ...(json as object), sys_id: 'a' };
        return lost;
      },
      [`PATCH ${PATH}/a`]: () => ({ body: { result: made } }),
    });
    const upsert = servicenow({ action: 'upsert', name: 'web1', attributes: { ip_address: '10.0.0.1' } });
    await failure(call('askCmdb', upsert));
    expect(await call('askCmdb', upsert)).toMatchObject({ record: { name: 'web1', sys_id: 'a' } });
    expect(asked(`POST ${PATH}`)).toHaveLength(1);
  });
});
