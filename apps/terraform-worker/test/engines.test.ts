import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { listLocks } from '@switchyard/store';
import { tools } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approve, failureOf, openGateOf, openWorld, type World } from './world.js';

/** Where they are not there and their downloads are out of reach, they are built. */
const BUILDING_MS = 20 * 60_000;

const STACK = `
variable "zone" { default = "one" }
resource "terraform_data" "x" { triggers_replace = var.zone }
output "zone" { value = var.zone }
`;

describe('a stack that asks for OpenTofu', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    await world.startWorker(await tools(['tofu', 'opa']));
  }, BUILDING_MS);
  afterAll(() => world[Symbol.asyncDispose]());

  const manifestOf = async (digest: string): Promise<unknown> =>
    JSON.parse((await world.store.readArtifact({ digest })).toString('utf8'));

  it('is planned, approved, applied and destroyed by it, where the worker has Terraform, too', async () => {
    const stack = await world.stack('tofu', { 'main.tf': STACK });
    const input = { stack: { path: stack }, engine: 'tofu', approval: { required: 1 } };
    const first = await world.start(input);
    const gate = await openGateOf(first);
    expect(gate.shown).toEqual(expect.arrayContaining(['Plan: 1 to add, 0 to change, 0 to destroy']));
    expect(await manifestOf(gate.evidence)).toMatchObject({
      engine: 'tofu',
      engineVersion: expect.stringMatching(/^1\.\d+\.\d+$/) as string,
    });
    await approve(first);
    expect(await first.result()).toMatchObject({ applied: true, outputs: { zone: { value: 'one' } } });
    const gone = await world.start({ ...input, action: 'destroy' });
    await approve(gone);
    expect(await gone.result()).toMatchObject({ applied: true, changes: { destroy: 1 } });
    expect(await listLocks(world.store.db)).toEqual([]);
  });

  it('is judged by the same policies', async () => {
    const stack = await world.stack('tofu-judged', { 'main.tf': STACK });
    await mkdir(path.join(world.root, 'policies'));
    await writeFile(
      path.join(world.root, 'policies/keep.rego'),
      'package main\ndeny contains change.address if { some change in input.resource_changes; "delete" in change.change.actions }\n',
    );
    const input = { stack: { path: stack }, engine: 'tofu', policies: { rego: [{ path: 'policies' }] } };
    expect(await world.run(input)).toMatchObject({ applied: true });
    expect(await failureOf(world.run({ ...input, vars: { zone: 'two' } }))).toMatchObject({
      code: 'PolicyDenied',
      message: expect.stringContaining('rego: terraform_data.x (deny of package main') as string,
    });
  });
});

describe('a worker without OpenTofu', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    await world.startWorker({ SWITCHYARD_TOFU_BIN: '/nowhere/tofu' });
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it('refuses a stack that asks for it, rather than plan it by Terraform', async () => {
    const stack = await world.stack('refused', { 'main.tf': STACK });
    const handle = await world.start({ stack: { path: stack }, engine: 'tofu' });
    expect(await failureOf(handle.result())).toMatchObject({
      code: 'ToolMissing',
      message: expect.stringContaining('SWITCHYARD_TOFU_BIN') as string,
    });
    expect((await world.events(handle.workflowId)).map(({ type }) => type)).not.toContain('plan_made');
    expect(await listLocks(world.store.db)).toEqual([]);
    expect(await world.run({ stack: { path: stack } })).toMatchObject({ applied: true });
  });
});
