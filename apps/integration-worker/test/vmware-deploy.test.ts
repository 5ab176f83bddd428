import { waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  decideGate,
  failureOfRun,
  openVmwareWorld,
  resultOf,
  statusOf,
  value,
  type VmwareWorld,
} from './vmware-world.js';

describe('VmwareDeployWorkflow', () => {
  let world: VmwareWorld;
  beforeAll(async () => {
    world = await openVmwareWorld();
  });
  beforeEach(() => {
    world.fake.on({
      'PUT /cmdb/hosts/*': ({ json }) => ({ body: json }),
      'GET /api/v1/query': value('1'),
      'POST /hook': {},
    });
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const hooks = (runId: string): unknown[] =>
    world.fake.requests
      .filter(({ path, headers }) => path === '/hook' && String(headers['idempotency-key']).includes(runId))
      .map(({ json }) => json);

  it('makes the machine, records it, sees it well, and tells', async () => {
    const handle = await world.start(
      world.input('web1', {
        decision: { prometheus: { url: world.fake.url }, queries: { room: { query: 'free', min: 1 } } },
      }),
    );
    const result = await resultOf(handle);
    expect(result).toMatchObject({
      runId: handle.workflowId,
      decision: { held: true, values: { room: 1 } },
      terraform: null,
      vm: { name: 'web1', state: 'on', address: '10.0.0.21', changed: true },
      cmdb: { record: { name: 'web1', ip: '10.0.0.21', run: handle.workflowId } },
      health: { values: { up: 1 } },
      notified: true,
      warnings: [],
    });
    expect(hooks(handle.workflowId)).toEqual([
      { text: 'Deploy web1 to VMware finished', fields: { address: '10.0.0.21' } },
    ]);
    const status = await statusOf(handle);
    expect(status.steps.map(({ id, state }) => `${id} ${state}`)).toEqual([
      'decision done',
      'provision done',
      'cmdb done',
      'monitoring done',
      'notify done',
    ]);
    const history = JSON.stringify(await handle.fetchHistory());
    expect(history).not.toMatch(/pw-77c1d2|cmdb-5e81/);
  });

  it('takes a CMDB and a webhook that fail for warnings, never for a failed deployment', async () => {
    world.fake.on({ 'PUT /cmdb/hosts/*': { status: 403 }, 'POST /hook': { status: 404 } });
    const result = await resultOf(await world.start(world.input('web2')));
    expect(result).toMatchObject({ vm: { state: 'on' }, cmdb: null, health: { values: { up: 1 } }, notified: false });
    expect(result.warnings).toEqual([
      expect.stringContaining('the CMDB was not updated: the CMDB'),
      expect.stringContaining('the notification was not delivered: POST'),
    ]);
  });

  it('fails when the monitoring does not see the machine well, and tells what was reached', async () => {
    world.fake.on({ 'GET /api/v1/query': value('0') });
    const handle = await world.start(world.input('web3'));
    const failed = await failureOfRun(handle);
    expect(failed).toMatchObject({
      type: 'GateFailed',
      details: [
        { failing: [{ name: 'up' }], vm: { name: 'web3' }, cmdb: { record: { name: 'web3' } }, notified: true },
      ],
    });
    expect(hooks(handle.workflowId)).toMatchObject([
      { text: expect.stringContaining('failed: not healthy') as string },
    ]);
  });

  it('changes nothing when the monitoring says no, unless a person says yes', async () => {
    world.fake.on({ 'GET /api/v1/query': value('0') });
    const prometheus = { url: world.fake.url };
    const decision = { prometheus, queries: { room: { query: 'free', min: 1 } }, interval: 10, within: 50 };
    const monitoring = undefined;
    const refused = await failureOfRun(await world.start(world.input('web4', { decision, monitoring })));
    expect(refused).toMatchObject({ type: 'GateFailed', details: [{ decision: { held: false }, vm: null }] });
    expect([...world.vcenter.machines.values()].map(({ path }) => path)).not.toContain('/dc/vm/web/web4');
    const asked = await world.start(world.input('web4', { decision: { ...decision, otherwise: 'ask' }, monitoring }));
    await decideGate(asked, 'decision', 'approve');
    expect(await resultOf(asked)).toMatchObject({ decision: { held: false }, vm: { name: 'web4', state: 'on' } });
  });

  it('asks for approval of the machine before it makes it', async () => {
    const rejected = await world.start(world.input('web5', { approval: { required: 1 } }));
    await decideGate(rejected, 'approval', 'reject');
    expect(await failureOfRun(rejected)).toMatchObject({ type: 'ApprovalRejected' });
    expect([...world.vcenter.machines.values()].map(({ path }) => path)).not.toContain('/dc/vm/web/web5');
    const approved = await world.start(world.input('web5', { approval: { required: 1 } }));
    await decideGate(approved, 'approval', 'approve');
    expect(await resultOf(approved)).toMatchObject({ vm: { name: 'web5', changed: true } });
  });

  it('refuses steps that cannot run before anything is changed', async () => {
    const failed = await failureOfRun(
      await world.start(world.input('web6', { cmdb: { rest: { url: 'http://c' }, action: 'upsrt' } })),
    );
    expect(failed).toMatchObject({ type: 'InvalidInput', message: expect.stringContaining('cmdb.action') as string });
    const unknown = await failureOfRun(await world.start({ terraformDi: 'x' }));
    expect(unknown.message).toContain('did you mean "terraformDir"?');
  });

  it('makes one machine when its worker is killed while the clone goes on', async () => {
    world.vcenter.looks = 5;
    const before = world.vcenter.tasks.filter(({ method }) => method === 'CloneVM_Task').length;
    const clones = (): number => world.vcenter.tasks.filter(({ method }) => method === 'CloneVM_Task').length - before;
    const handle = await world.start(world.input('web7'));
    await waitFor(() => clones() > 0, { timeoutMs: 30_000, what: 'the clone has begun' });
    await world.restartWorker();
    world.vcenter.looks = 0;
    expect(await resultOf(handle)).toMatchObject({ vm: { name: 'web7', state: 'on' }, warnings: [] });
    expect(clones()).toBe(1);
  });
});
