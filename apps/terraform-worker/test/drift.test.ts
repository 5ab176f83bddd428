import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { terraformDriftResultSchema, type TerraformDriftResult } from '@switchyard/contracts';
import { listDecisions, listDrift, listLocks } from '@switchyard/store';
import { waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { followingStack, startDrift } from './drifting.js';
import { approve, failureOf, openGateOf, openWorld, statusOf, type World } from './world.js';

let world: World;

beforeAll(async () => {
  world = await openWorld();
  await world.startWorker();
});
afterAll(() => world[Symbol.asyncDispose]());

const start = (input: Record<string, unknown>) => startDrift(world, input);
const check = async (stack: string, more: Record<string, unknown> = {}): Promise<TerraformDriftResult> =>
  terraformDriftResultSchema.parse(await (await start({ stack: { path: stack }, ...more })).result());

describe('TerraformDriftWorkflow', () => {
  it('tells drift once as new, then as known, and that it is gone', async () => {
    const { stack, move } = await followingStack(world, 'told');
    expect(await check(stack)).toMatchObject({
      drift: 'none',
      driftDigest: null,
      drifted: [],
      driftedCount: 0,
      driftedList: null,
      remediation: null,
    });
    await move('two');
    const first = await check(stack);
    expect(first).toMatchObject({
      drift: 'new',
      subject: `drift:${stack}:default`,
      drifted: [{ address: 'output.zone', action: 'update' }],
    });
    const events = await world.events(first.runId);
    expect(events.find(({ type }) => type === 'drift_checked')).toMatchObject({
      level: 'warning',
      data: { shown: ['~ output zone: "one" -> "two"'] },
    });
    expect(await check(stack)).toMatchObject({ drift: 'known', driftDigest: first.driftDigest });
    expect((await listDrift(world.store.db)).map(({ subject }) => subject)).toContain(first.subject);
    await move('three');
    expect((await check(stack)).drift).toBe('new');
    await move('one');
    expect((await check(stack)).drift).toBe('none');
    expect((await listDrift(world.store.db)).map(({ subject }) => subject)).not.toContain(first.subject);
    expect(await listLocks(world.store.db)).toEqual([]);
  });

  it('names the worst of much drift, and keeps the whole list as an artifact', async () => {
    const outputs = Array.from(
      { length: 230 },
      (_, i) => `output "o${String(i).padStart(3, '0')}" { value = local.zone }`,
    );
    const { stack, move } = await followingStack(world, 'much');
    await writeFile(
      path.join(world.root, stack, 'outputs.tf'),
      ['locals { zone = data.terraform_remote_state.source.outputs.zone }', ...outputs].join('\n'),
    );
    await world.run({ stack: { path: stack } });
    await move('two');
    const found = await check(stack);
    expect(found.drifted).toHaveLength(200);
    expect(found.drifted[0]).toEqual({ address: 'output.o000', action: 'update' });
    expect(found.driftedCount).toBe(231);
    const list = JSON.parse((await world.store.readArtifact({ digest: found.driftedList ?? '' })).toString('utf8')) as {
      drifted: { address: string }[];
    };
    expect(list).toMatchObject({ subject: found.subject, digest: found.driftDigest });
    expect(list.drifted.map(({ address }) => address)).toEqual(expect.arrayContaining(['output.o229', 'output.zone']));
    expect(list.drifted).toHaveLength(231);
    expect(await check(stack)).toMatchObject({ drift: 'known', driftedCount: 231, driftedList: found.driftedList });
  });

  it('applies the stack at once where the policy says so, under its rules', async () => {
    const { stack, move } = await followingStack(world, 'mended');
    await move('two');
    const mended = await check(stack, { remediate: 'automatic', policies: { maxDestroys: 0 } });
    expect(mended).toMatchObject({
      drift: 'new',
      remediation: { runId: `${mended.runId}/remediate`, applied: true },
    });
    expect((await check(stack)).drift).toBe('none');
  });

  it('asks people where the policy says so', async () => {
    const { stack, move } = await followingStack(world, 'asked');
    await move('two');
    const run = await start({ stack: { path: stack }, remediate: 'approval' });
    const status = await waitFor(
      async () => {
        const now = await statusOf(run);
        return now.waitingFor === null ? undefined : now;
      },
      { what: 'the run to wait' },
    );
    expect(status.waitingFor).toMatchObject({ kind: 'approval', name: 'remediate/plan' });
    await approve(world.client.workflow.getHandle(`${run.workflowId}/remediate`));
    expect(await run.result()).toMatchObject({ drift: 'new', remediation: { applied: true } });
  });

  it('leaves drift alone that a person acknowledges, until the time is over', async () => {
    const { stack, move } = await followingStack(world, 'acknowledged');
    await move('two');
    const run = await start({ stack: { path: stack }, remediate: 'approval' });
    const child = world.client.workflow.getHandle(`${run.workflowId}/remediate`);
    await waitFor(() => openGateOf(child).catch(() => undefined), { what: 'the gate of the remediation' });
    await waitFor(async () => (await statusOf(run)).waitingFor?.kind === 'approval', { what: 'the run to say so' });
    const [found] = (await listDrift(world.store.db)).filter(({ runId }) => runId === run.workflowId);
    const by = { identity: 'ann', channel: 'test' };
    const acknowledge = (digest: string): Promise<unknown> =>
      run.executeUpdate('acknowledge', { args: [{ digest, for: '1h', reason: 'a hotfix', by }] });
    await expect(acknowledge('sha256:other')).rejects.toMatchObject({
      cause: { message: expect.stringContaining('not sha256:other') as string },
    });
    await acknowledge(found?.digest ?? '');
    expect(await run.result()).toMatchObject({
      drift: 'acknowledged',
      acknowledged: { by: 'ann', reason: 'a hotfix' },
      remediation: null,
    });
    expect(await failureOf(child.result())).toMatchObject({ code: 'CancelledFailure' });
    expect(await listDecisions(world.store.db, { subject: `drift:${stack}:default` })).toMatchObject([
      { decision: 'drift-seen', by: 'switchyard' },
      { decision: 'drift-acknowledged', by: 'ann', channel: 'test', evidence: found?.digest },
    ]);
    expect(await check(stack, { remediate: 'automatic' })).toMatchObject({
      drift: 'acknowledged',
      acknowledged: { by: 'ann' },
      remediation: null,
    });
    expect(await listLocks(world.store.db)).toEqual([]);
  });

  it('goes on with a warning where nobody delivers its notification, and tells nobody of what is known', async () => {
    const { stack, move } = await followingStack(world, 'notified');
    await move('two');
    const notify = { url: 'http://127.0.0.1:9/hook' };
    const first = await start({ stack: { path: stack }, notify });
    expect(await first.result()).toMatchObject({ drift: 'new' });
    const { warnings } = await statusOf(first);
    expect(warnings).toMatchObject([expect.stringContaining('the notification was not delivered')]);
    const second = await start({ stack: { path: stack }, notify });
    await second.result();
    expect((await statusOf(second)).steps).toMatchObject([{ id: 'check' }, { id: 'notify', state: 'skipped' }]);
  });

  it('refuses an input that means nothing', async () => {
    const refused = async (more: Record<string, unknown>) =>
      (await failureOf((await start({ stack: { path: 'x' }, ...more })).result())).message;
    expect(await refused({ action: 'destroy' })).toContain('action');
    expect(await refused({ approval: { required: 1 } })).toContain('nobody is asked with `remediate: never`');
  });
});
