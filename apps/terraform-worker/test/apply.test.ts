import { access, readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { listArtifacts, listLocks } from '@switchyard/store';
import { terraformResultSchema } from '@switchyard/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  approve,
  failureOf,
  historyOf,
  openGateOf,
  openWorld,
  statusOf,
  type World,
  type WorkerProcess,
} from './world.js';

let world: World;
let worker: WorkerProcess;

beforeAll(async () => {
  world = await openWorld();
  worker = await world.startWorker({
    SECRET_API_TOKEN: 'very-secret-token-4711',
  });
});
afterAll(() => world[Symbol.asyncDispose]());

const HELLO = `
resource "terraform_data" "x" { input = "hello" }
output "word" { value = terraform_data.x.output }
`;

describe('TerraformWorkflow', () => {
  it('plans and applies a stack, and returns its outputs', async () => {
    const stack = await world.stack('hello', { 'main.tf': HELLO });
    const result = await world.run({ stack: { path: stack } });
    expect(terraformResultSchema.strict().parse(result)).toMatchObject({
      action: 'apply',
      applied: true,
      planDigest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
      changes: { add: 1, change: 0, destroy: 0, replace: 0 },
      outputs: { word: { value: 'hello', sensitive: false } },
    });
    const state = JSON.parse(await readFile(path.join(world.root, stack, 'terraform.tfstate'), 'utf8')) as {
      serial: number;
    };
    expect(result.stateSerial).toBe(state.serial);
    const types = (await world.events(result.runId)).map(({ type }) => type);
    expect(types).toEqual(
      expect.arrayContaining(['planned_change', 'plan_made', 'apply_start', 'apply_complete', 'run_finished']),
    );
  });

  it('applies nothing when nothing has changed, and asks nobody', async () => {
    const stack = await world.stack('idle', { 'main.tf': HELLO });
    const first = await world.run({ stack: { path: stack } });
    const second = await world.run({ stack: { path: stack }, approval: { required: 1 } });
    expect(second).toMatchObject({ applied: false, outputs: first.outputs, stateSerial: first.stateSerial });
    expect(second.changes).toEqual({ add: 0, change: 0, destroy: 0, replace: 0 });
  });

  it('stops after the plan when only a plan is asked for', async () => {
    const stack = await world.stack('only-plan', { 'main.tf': HELLO });
    const result = await world.run({ stack: { path: stack }, action: 'plan' });
    expect(result).toMatchObject({
      action: 'plan',
      applied: false,
      changes: { add: 1 },
      outputs: {},
      stateSerial: null,
    });
    await expect(access(path.join(world.root, stack, 'terraform.tfstate'))).rejects.toThrow('ENOENT');
  });

  it('destroys what it made', async () => {
    const stack = await world.stack('gone', { 'main.tf': HELLO });
    await world.run({ stack: { path: stack } });
    const result = await world.run({ stack: { path: stack }, action: 'destroy' });
    expect(result).toMatchObject({ applied: true, changes: { add: 0, destroy: 1 }, outputs: {} });
  });

  it('plans, applies and destroys only what is targeted', async () => {
    const stack = await world.stack('targeted', {
      'main.tf': `
resource "terraform_data" "base" { input = "base" }
resource "terraform_data" "top" { input = terraform_data.base.id }
resource "terraform_data" "other" { input = "other" }
`,
    });
    const run = (more: Record<string, unknown>) => world.run({ stack: { path: stack }, ...more });
    expect(await run({ targets: ['terraform_data.top'] })).toMatchObject({ applied: true, changes: { add: 2 } });
    expect(await run({ action: 'plan' })).toMatchObject({ changes: { add: 1 } });
    await run({});
    const destroyed = await run({ action: 'destroy', targets: ['terraform_data.base'] });
    expect(destroyed).toMatchObject({ applied: true, changes: { add: 0, destroy: 2 } });
    expect(await run({ action: 'destroy' })).toMatchObject({ changes: { destroy: 1 } });
  });

  it('applies a change of an output alone', async () => {
    const stack = await world.stack('output', { 'main.tf': 'output "a" { value = "1" }' });
    const result = await world.run({ stack: { path: stack } });
    expect(result).toMatchObject({ applied: true, changes: { add: 0 }, outputs: { a: { value: '1' } } });
  });

  it('keeps the states of two workspaces apart', async () => {
    const stack = await world.stack('spaces', {
      'main.tf':
        'resource "terraform_data" "x" { input = terraform.workspace }\noutput "w" { value = terraform_data.x.output }',
    });
    const blue = await world.run({ stack: { path: stack }, workspace: 'blue' });
    const main = await world.run({ stack: { path: stack } });
    expect([blue.outputs['w'], main.outputs['w']]).toMatchObject([{ value: 'blue' }, { value: 'default' }]);
    await access(path.join(world.root, stack, 'terraform.tfstate.d', 'blue', 'terraform.tfstate'));
  });

  it('hands variables and variable files over, the input winning', async () => {
    const stack = await world.stack('vars', {
      'main.tf':
        'variable "a" {}\nvariable "b" {}\nvariable "list" { type = list(number) }\noutput "all" { value = [var.a, var.b, var.list] }',
      'shared.tfvars': 'a = "from file"\nb = "from file"\n',
    });
    const result = await world.run({
      stack: { path: stack },
      varFiles: ['shared.tfvars'],
      vars: { b: 'given', list: [1, 2] },
    });
    expect(result.outputs['all']).toEqual({ value: ['from file', 'given', [1, 2]], sensitive: false });
  });

  it('gives an ephemeral variable to plan and apply', async () => {
    const stack = await world.stack('ephemeral', {
      'main.tf': 'variable "pass" {\n  type = string\n  ephemeral = true\n}\nresource "terraform_data" "x" {}\n',
    });
    const result = await world.run({ stack: { path: stack }, vars: { pass: { $secret: 'api-token' } } });
    expect(result.applied).toBe(true);
  });

  it('lets no secret out: not into history, events, logs, or anything on disk but the state', async () => {
    const stack = await world.stack('secrets', {
      'main.tf': `
variable "token" { type = string }
variable "hidden" {
  type      = string
  sensitive = true
}
resource "terraform_data" "x" {
  input = var.token
  provisioner "local-exec" { command = "echo using \${self.input}" }
}
resource "terraform_data" "y" { input = var.hidden }
output "leak" { value = "prefix-\${var.token}" }
output "hidden" {
  value     = terraform_data.y.output
  sensitive = true
}
output "random" {
  value     = "sensitive-\${terraform_data.x.id}"
  sensitive = true
}
`,
    });
    const secret = 'very-secret-token-4711';
    const handle = await world.start({
      stack: { path: stack },
      vars: { token: { $secret: 'api-token' }, hidden: { $secret: 'api-token' } },
      approval: { required: 1, selfApproval: true },
    });
    const shown = JSON.stringify(await openGateOf(handle));
    await approve(handle);
    const result = (await handle.result()) as { outputs: Record<string, unknown>; runId: string };
    expect(result.outputs).toMatchObject({
      leak: { sensitive: true },
      hidden: { sensitive: true },
      random: { sensitive: true },
    });

    const events = await world.events(result.runId);
    expect(events.some(({ message }) => message.includes('using ***'))).toBe(true);
    const history = await historyOf(handle);
    // The texts are searched as they are, so they must be readable: this one holds the input.
    expect(history).toContain('api-token');
    const everywhere = [shown, history, JSON.stringify(events), worker.log(), JSON.stringify(await statusOf(handle))];
    for (const text of everywhere) expect(text).not.toContain(secret);
    for (const text of everywhere) expect(text).not.toContain('"sensitive-');
    expect(await readdir(path.join(worker.workDir, 'terraform'))).toEqual([]);

    const { ref } = result.outputs['hidden'] as { ref: string };
    const kept = JSON.parse((await world.store.readArtifact({ digest: ref })).toString('utf8')) as { value: string };
    expect(kept.value).toBe(secret);
    const plans = (await listArtifacts(world.store.db, { runId: result.runId })).map(({ name }) => name);
    expect(plans).toEqual(expect.arrayContaining(['manifest.json', 'plan.tfplan', 'leak', 'hidden']));
  });

  it('gives the stack back however a run ends', async () => {
    await failureOf(
      world.run({ stack: { path: await world.stack('broken', { 'main.tf': 'output "a" { value = local.nope }' }) } }),
    );
    expect(await listLocks(world.store.db)).toEqual([]);
  });
});
