import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { listArtifacts, listLocks } from '@switchyard/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approve, failureOf, openGateOf, openWorld, type World } from './world.js';

let world: World;

beforeAll(async () => {
  world = await openWorld();
  await world.startWorker();
});
afterAll(() => world[Symbol.asyncDispose]());

const TWO = `
resource "terraform_data" "database" { triggers_replace = "one" }
resource "terraform_data" "cache" { input = "one" }
`;

/** A stack that was applied, and then edited. */
const edited = async (name: string, after: string): Promise<string> => {
  const stack = await world.stack(name, { 'main.tf': TWO });
  await world.run({ stack: { path: stack } });
  await writeFile(path.join(world.root, stack, 'main.tf'), after);
  return stack;
};

describe('policies of a stack', () => {
  it('refuse a plan that destroys what may not be destroyed, before anybody is asked, and give the stack back', async () => {
    const stack = await edited('forbidden', TWO.replace('"one"', '"two"'));
    const before = await readFile(path.join(world.root, stack, 'terraform.tfstate'), 'utf8');
    const handle = await world.start({
      stack: { path: stack },
      approval: { required: 1 },
      policies: { forbidDestroy: ['terraform_*'] },
    });
    const failure = await failureOf(handle.result());
    expect(failure).toMatchObject({
      code: 'PolicyDenied',
      message: expect.stringContaining('terraform_data.database would be replaced') as string,
      details: { violations: [{ rule: 'forbidDestroy', address: 'terraform_data.database' }] },
    });
    expect(await readFile(path.join(world.root, stack, 'terraform.tfstate'), 'utf8')).toBe(before);
    expect(await listLocks(world.store.db)).toEqual([]);
    const types = (await world.events(handle.workflowId)).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['plan_made', 'policy_violated', 'run_failed']));
    expect(types).not.toContain('gate_opened');
  });

  it('refuse a destruction of what is protected, also where nobody is asked', async () => {
    const stack = await edited('protected', TWO);
    const destroy = { stack: { path: stack }, action: 'destroy', policies: { protect: ['terraform_data.cache'] } };
    expect(await failureOf(world.run(destroy))).toMatchObject({
      code: 'PolicyDenied',
      details: { violations: [{ rule: 'protect', address: 'terraform_data.cache' }] },
    });
    expect(await failureOf(world.run({ ...destroy, policies: { maxDestroys: 1 } }))).toMatchObject({
      code: 'PolicyDenied',
      details: { violations: [{ rule: 'maxDestroys', address: null }] },
    });
  });

  it('that hold are shown at the gate, and are part of what is approved', async () => {
    const stack = await edited('shown', TWO.replace('input = "one"', 'input = "two"'));
    const planned = async (policies?: Record<string, unknown>) =>
      (await world.run({ stack: { path: stack }, action: 'plan', ...(policies ? { policies } : {}) })).planDigest;
    const handle = await world.start({
      stack: { path: stack },
      approval: { required: 1 },
      policies: { maxChanges: 1, protect: ['terraform_data.database'] },
    });
    const gate = await openGateOf(handle);
    expect(gate.conditions).toMatchObject([
      { name: 'protect', observed: 'none', state: 'pass', source: 'plan' },
      { name: 'maxChanges', required: 'at most 1', observed: '1', state: 'pass' },
    ]);
    await approve(handle);
    expect(await handle.result()).toMatchObject({ applied: true, planDigest: gate.evidence });
    const manifest = JSON.parse((await world.store.readArtifact({ digest: gate.evidence })).toString('utf8')) as {
      policies: unknown;
    };
    expect(manifest.policies).toMatchObject([{ rule: 'protect' }, { rule: 'maxChanges', observed: '1' }]);
    const names = (await listArtifacts(world.store.db, { runId: handle.workflowId })).map(({ name }) => name);
    expect(names).toContain('manifest.json');
    expect(await planned({ maxChanges: 1 })).not.toBe(await planned({ maxChanges: 2 }));
  });
});
