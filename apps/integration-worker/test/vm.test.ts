import { describe, expect, it } from 'vitest';
import { fakeVcenter } from './fake-vcenter.js';
import { failure, lost, SECRET, TOKEN, useWorld } from './world.js';

const world = useWorld();

describe('machines of vCenter', () => {
  const vm = (more: object = {}, target: object = {}): object => ({
    vcenter: {
      url: world().fake.url,
      user: 'svc',
      password: TOKEN,
      folder: '/dc/vm/web',
      template: '/dc/vm/templates/debian',
      pool: '/dc/host/cluster',
      ...target,
    },
    name: 'web1',
    ...more,
  });
  const methods = (vcenter: { tasks: readonly { method: string }[] }): string[] =>
    vcenter.tasks.map(({ method }) => method);

  it('are cloned from a template, switched on, and told with their address', async () => {
    const { fake, call, events } = world();
    const vcenter = fakeVcenter(fake, SECRET);
    vcenter.looks = 1;
    const target = { datastore: '/dc/datastore/ssd', cpus: 4, memoryMb: 8_192 };
    const result = await call('manageVm', vm({ waitForAddress: true }, target));
    const [id] = [...vcenter.machines.keys()];
    expect(result).toEqual({ id, name: 'web1', state: 'on', address: '10.0.0.21', changed: true });
    expect(methods(vcenter)).toEqual(['CloneVM_Task', 'PowerOnVM_Task']);
    expect(vcenter.tasks[0]?.body).toMatchObject({
      folder: { type: 'Folder', value: 'group-v7' },
      name: 'web1',
      spec: {
        location: { pool: { value: 'resgroup-9' }, datastore: { value: 'datastore-9' } },
        config: { numCPUs: 4, memoryMB: 8_192, annotation: 'Switchyard run, step call' },
      },
    });
    expect(vcenter.sessions.size).toBe(0);
    expect(JSON.stringify(events)).not.toContain(SECRET);
  });

  it('are made once: a lost answer, a second delivery', async () => {
    const { fake, call } = world();
    const vcenter = fakeVcenter(fake, SECRET);
    vcenter.losing = 1;
    expect(await failure(call('manageVm', vm()))).toMatchObject({ type: 'UpstreamFailed', nonRetryable: false });
    expect(await call('manageVm', vm())).toMatchObject({ name: 'web1', state: 'on', changed: false });
    expect(await call('manageVm', vm())).toMatchObject({ changed: false });
    expect(methods(vcenter)).toEqual(['CloneVM_Task', 'PowerOnVM_Task']);
    expect(vcenter.machines.size).toBe(1);
    expect(vcenter.sessions.size).toBe(0);
  });

  it('are never taken over from somebody else', async () => {
    const { fake, call } = world();
    const vcenter = fakeVcenter(fake, SECRET);
    vcenter.machines.set('vm-50', { path: '/dc/vm/web/web1', uuid: 'theirs', power: 'poweredOn' });
    const failed = await failure(call('manageVm', vm()));
    expect(failed).toMatchObject({ type: 'InvalidInput', nonRetryable: true });
    expect(failed.message).toContain('/dc/vm/web/web1 exists, and this step did not make it');
    expect(vcenter.tasks).toEqual([]);
  });

  it('are switched and removed, each once', async () => {
    const { fake, call } = world();
    const vcenter = fakeVcenter(fake, SECRET);
    vcenter.machines.set('vm-50', { path: '/dc/vm/web/web1', uuid: 'theirs', power: 'poweredOn' });
    expect(await call('manageVm', vm({ action: 'power-off' }))).toMatchObject({ state: 'off', changed: true });
    expect(await call('manageVm', vm({ action: 'power-off' }))).toMatchObject({ state: 'off', changed: false });
    expect(await call('manageVm', vm({ action: 'power-on' }))).toMatchObject({ state: 'on', changed: true });
    expect(await call('manageVm', vm({ action: 'remove' }))).toMatchObject({ state: 'absent', changed: true });
    expect(await call('manageVm', vm({ action: 'remove' }))).toMatchObject({ state: 'absent', changed: false });
    expect(methods(vcenter)).toEqual(['PowerOffVM_Task', 'PowerOnVM_Task', 'PowerOffVM_Task', 'Destroy_Task']);
    expect(await failure(call('manageVm', vm({ action: 'power-on' })))).toMatchObject({ type: 'NotFound' });
  });

  it('say what is wrong: the password, a path, a time that is too short', async () => {
    const { fake, call } = world();
    fakeVcenter(fake, 'another');
    const refused = await failure(call('manageVm', vm()));
    expect(refused).toMatchObject({ type: 'AuthFailed', nonRetryable: true });
    expect(refused.message).toContain('InvalidLogin: Cannot complete login');
    const vcenter = fakeVcenter(fake, SECRET);
    const missing = await failure(call('manageVm', vm({}, { template: '/dc/vm/templates/nope' })));
    expect(missing).toMatchObject({ type: 'NotFound', message: 'vCenter has nothing at /dc/vm/templates/nope' });
    const wrong = await failure(call('manageVm', vm({}, { pool: '/dc/datastore/ssd' })));
    expect(wrong.message).toContain('/dc/datastore/ssd is a Datastore; name a ResourcePool');
    vcenter.looks = 1_000;
    const slow = await failure(call('manageVm', vm({ within: 500 })));
    expect(slow).toMatchObject({ type: 'TimedOut', nonRetryable: true });
    expect(slow.message).toContain('is still running when the time of the step was over');
    expect(vcenter.sessions.size).toBe(0);
  });
});

describe('devices of Equinix Metal', () => {
  const DEVICES = '/projects/p1/devices';
  const vm = (more: object = {}): object => ({
    equinix: {
      url: world().fake.url,
      token: TOKEN,
      project: 'p1',
      plan: 'c3.small.x86',
      metro: 'da',
      operatingSystem: 'debian_12',
      tags: ['web'],
    },
    name: 'web1',
    ...more,
  });
  const device = (state: string): object => ({
    id: 'd-1',
    hostname: 'web1',
    state,
    ip_addresses: [
      { address: 'fd00::1', address_family: 6, public: true },
      { address: '192.0.2.7', address_family: 4, public: true },
    ],
  });

  it('are made once, with the mark of the step as a tag, also when the answer was lost', async () => {
    const { fake, call, asked } = world();
    let tags: string[] = [];
    fake.on({
      [`POST ${DEVICES}`]: ({ json }) => {
        tags = (json as { tags: string[] }).tags;
        return lost;
      },
      [`GET ${DEVICES}`]: ({ query }) => ({ body: { devices: query['tag'] === tags[0] ? [device('queued')] : [] } }),
      'GET /devices/d-1': { body: device('active') },
    });
    expect(await failure(call('manageVm', vm()))).toMatchObject({ nonRetryable: false });
    expect(await call('manageVm', vm())).toEqual({
      id: 'd-1',
      name: 'web1',
      state: 'on',
      address: '192.0.2.7',
      changed: false,
    });
    const [request, ...more] = asked(`POST ${DEVICES}`);
    expect(more).toEqual([]);
    expect(request?.json).toMatchObject({ hostname: 'web1', plan: 'c3.small.x86', metro: 'da' });
    expect(request?.headers['x-auth-token']).toBe(SECRET);
    expect(tags).toEqual([expect.stringMatching(/^switchyard-/), 'web']);
  });

  it('that cannot be provisioned end the step', async () => {
    const { fake, call } = world();
    fake.on({
      [`POST ${DEVICES}`]: { status: 201, body: device('queued') },
      'GET /devices/d-1': { body: device('failed') },
    });
    expect(await failure(call('manageVm', vm()))).toMatchObject({ type: 'UpstreamFailed', nonRetryable: true });
  });

  it('are switched and removed by their name, unless several have it', async () => {
    const { fake, call, asked } = world();
    fake.on({
      [`GET ${DEVICES}`]: { body: { devices: [device('active')] } },
      'POST /devices/d-1/actions': { status: 202 },
      'GET /devices/d-1': { body: device('inactive') },
      'DELETE /devices/d-1': { status: 204 },
    });
    expect(await call('manageVm', vm({ action: 'power-on' }))).toMatchObject({ state: 'on', changed: false });
    expect(await call('manageVm', vm({ action: 'power-off' }))).toMatchObject({ state: 'off', changed: true });
    expect(asked('POST /devices/d-1/actions').map(({ json }) => json)).toEqual([{ type: 'power_off' }]);
    expect(await call('manageVm', vm({ action: 'remove' }))).toMatchObject({ state: 'absent', changed: true });
    fake.on({ [`GET ${DEVICES}`]: { body: { devices: [device('active'), { ...device('active'), id: 'd-2' }] } } });
    const failed = await failure(call('manageVm', vm({ action: 'remove' })));
    expect(failed).toMatchObject({ type: 'InvalidInput', message: expect.stringContaining('d-1, d-2') as string });
  });

  it('say what the service says', async () => {
    const { fake, call } = world();
    fake.on({ [`POST ${DEVICES}`]: { status: 422, body: { errors: ['plan is not available in da'] } } });
    const failed = await failure(call('manageVm', vm()));
    expect(failed.message).toContain('plan is not available in da');
  });
});
