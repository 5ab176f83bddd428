import { readFileSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { listLocks } from '@switchyard/store';
import { leftovers, tools, waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { followingStack, startDrift } from './drifting.js';
import { approve, failureOf, historyOf, openGateOf, openWorld, type World, type WorkerProcess } from './world.js';

/** Where OPA is not there and its download is out of reach, it is built. */
const BUILDING_MS = 10 * 60_000;

let opa: Readonly<Record<string, string>>;

beforeAll(async () => {
  opa = await tools(['opa']);
}, BUILDING_MS);

const policy = async (world: World, name: string, text: string): Promise<string> => {
  const file = path.join(world.root, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
  return name;
};

const STACK = `
variable "zone" { default = "one" }
resource "terraform_data" "database" { triggers_replace = var.zone }
`;

const NO_REPLACEMENT = `package main
deny contains message if {
  some change in input.resource_changes
  "delete" in change.change.actions
  message := sprintf("%s would be destroyed", [change.address])
}
`;

describe('policies in Rego', () => {
  let world: World;
  let worker: WorkerProcess;
  beforeAll(async () => {
    world = await openWorld();
    worker = await world.startWorker(opa);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it('refuse a plan before anybody is asked, give the stack back, and leave nothing on the disk', async () => {
    const stack = await world.stack('denied', { 'main.tf': STACK });
    const rego = [{ path: await policy(world, 'policies-denied/keep.rego', NO_REPLACEMENT) }];
    await world.run({ stack: { path: stack }, policies: { rego } });
    const before = await readFile(path.join(world.root, stack, 'terraform.tfstate'), 'utf8');
    const handle = await world.start({
      stack: { path: stack },
      vars: { zone: 'two' },
      approval: { required: 1 },
      policies: { rego },
    });
    expect(await failureOf(handle.result())).toMatchObject({
      code: 'PolicyDenied',
      message:
        'the plan of "denied" is refused: rego: terraform_data.database would be destroyed (deny of package main in policies-denied/keep.rego). Change the configuration or the policy',
      details: {
        violations: [
          { rule: 'rego', policy: { from: 'input', package: 'main', files: ['policies-denied/keep.rego'] } },
        ],
      },
    });
    expect(await readFile(path.join(world.root, stack, 'terraform.tfstate'), 'utf8')).toBe(before);
    expect(await listLocks(world.store.db)).toEqual([]);
    const types = (await world.events(handle.workflowId)).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['plan_made', 'policy_violated', 'run_failed']));
    expect(types).not.toContain('gate_opened');
    const left = await readdir(path.join(worker.workDir, 'terraform'), { recursive: true });
    expect(left.filter((name) => name.endsWith('.rego') || name.includes('scratch'))).toEqual([]);
  });

  it('show approvers what they warn of, and are part of what is approved, file by file', async () => {
    const stack = await world.stack('warned', { 'main.tf': STACK });
    const given = 'policies-warned';
    const text = `${NO_REPLACEMENT}warn contains "it is Friday" if input.resource_changes\n`;
    await policy(world, `${given}/rules.rego`, text);
    const input = { stack: { path: stack }, policies: { rego: [{ path: given }] } };
    const planned = async (): Promise<string> => (await world.run({ ...input, action: 'plan' })).planDigest;
    const first = await planned();
    const handle = await world.start({ ...input, approval: { required: 1 } });
    const gate = await openGateOf(handle);
    expect(gate.conditions).toMatchObject([
      { name: 'rego', observed: 'nothing', state: 'pass' },
      { name: 'rego', observed: `rego: it is Friday (warn of package main in ${given}/rules.rego)`, state: 'pass' },
    ]);
    // Judged is judged: what is approved names the policies that it was judged by, and another plan is another one.
    await policy(world, `${given}/rules.rego`, `${text}# changed\n`);
    await approve(handle);
    expect(await handle.result()).toMatchObject({ applied: true, planDigest: gate.evidence });
    const manifest = JSON.parse((await world.store.readArtifact({ digest: gate.evidence })).toString('utf8')) as {
      rego: unknown;
    };
    expect(manifest.rego).toMatchObject([
      {
        from: 'input',
        namespace: 'main',
        files: [{ name: `${given}/rules.rego`, digest: expect.stringMatching(/^sha256:/) as string }],
      },
    ]);
    expect(await planned()).not.toBe(first);
    expect((await world.events(handle.workflowId)).find(({ type }) => type === 'policy_warned')).toMatchObject({
      level: 'warning',
      data: { policy: { package: 'main' } },
    });
  });

  it('never tell a sensitive value that a rule quotes', async () => {
    const stack = await world.stack('sensitive', {
      'main.tf': `
variable "token" { sensitive = true }
resource "terraform_data" "x" { input = var.token }
`,
    });
    const text = `package main
deny contains sprintf("weak: %s", [change.change.after.input]) if some change in input.resource_changes
`;
    const rego = [{ path: await policy(world, 'policies-sensitive/a.rego', text) }];
    // By a file: the history could have the value only by the message.
    await writeFile(path.join(world.root, stack, 'secret.tfvars.json'), JSON.stringify({ token: 'hunter2222' }));
    const told = await world.start({ stack: { path: stack }, varFiles: ['secret.tfvars.json'], policies: { rego } });
    expect(await failureOf(told.result())).toMatchObject({
      code: 'PolicyDenied',
      message: expect.stringContaining('rego: weak: *** (deny') as string,
    });
    expect(await historyOf(told)).not.toContain('hunter2222');
    expect(JSON.stringify(await world.events(told.workflowId))).not.toContain('hunter2222');
  });

  it.each<[string, string, string, RegExp]>([
    [
      'that cannot be read are',
      'package main\ndeny contains "x" if {',
      'InvalidInput',
      /broken\.rego:2: unexpected eof/,
    ],
    [
      'that would reach out are',
      'package main\ndeny contains http.send({}).body',
      'InvalidInput',
      /undefined function http\.send/,
    ],
    [
      'of a package that is not asked are',
      NO_REPLACEMENT.replace('main', 'other'),
      'InvalidInput',
      /only main is asked/,
    ],
  ])('%s refused before the stack is planned', async (_, text, code, message) => {
    const stack = await world.stack('unplanned', { 'main.tf': STACK });
    const rego = [{ path: await policy(world, 'policies-broken/broken.rego', text) }];
    const handle = await world.start({ stack: { path: stack }, policies: { rego } });
    const failure = await failureOf(handle.result());
    expect(failure.code).toBe(code);
    expect(failure.message).toMatch(message);
    expect((await world.events(handle.workflowId)).map(({ type }) => type)).not.toContain('plan_made');
    expect(await listLocks(world.store.db)).toEqual([]);
  });

  it('of docs/stacks.md do what it says', async () => {
    const page = readFileSync(new URL('../../../docs/stacks.md', import.meta.url), 'utf8');
    const [, text = ''] = /```rego\n([\s\S]*?)\n```/.exec(page) ?? [];
    const rego = [{ path: await policy(world, 'policies-docs/data.rego', text) }];
    const stack = await world.stack('documented', { 'main.tf': STACK });
    const input = { stack: { path: stack }, policies: { rego } };
    const handle = await world.start({ ...input, approval: { required: 1 } });
    expect((await openGateOf(handle)).conditions.map(({ observed }) => observed)).toEqual([
      'nothing',
      'rego: terraform_data.database has no owner (warn of package main in policies-docs/data.rego)',
    ]);
    await approve(handle);
    await handle.result();
    expect(await failureOf(world.run({ ...input, vars: { zone: 'two' } }))).toMatchObject({
      code: 'PolicyDenied',
      message: expect.stringContaining('terraform_data.database keeps data and would be destroyed') as string,
    });
  });
});

describe('policies of the worker', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    const directory = path.dirname(await policy(world, '../worker-policies/keep.rego', NO_REPLACEMENT));
    await world.startWorker({ ...opa, SWITCHYARD_TERRAFORM_POLICIES: path.join(world.root, directory) });
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const destroyed = {
    code: 'PolicyDenied',
    message: expect.stringContaining('would be destroyed (deny of package main in keep.rego of the worker)') as string,
  };

  it('are asked of every plan, whatever its input says', async () => {
    const stack = await world.stack('always', { 'main.tf': STACK });
    await world.run({ stack: { path: stack } });
    const policies = {
      rego: [{ path: await policy(world, 'own.rego', 'package main\ndeny contains "x" if input.no\n') }],
    };
    expect(await failureOf(world.run({ stack: { path: stack }, action: 'destroy' }))).toMatchObject(destroyed);
    expect(await failureOf(world.run({ stack: { path: stack }, vars: { zone: 'two' }, policies }))).toMatchObject(
      destroyed,
    );
  });

  it('are asked of the plan that mends drift', async () => {
    const { stack, move } = await followingStack(world, 'drifted');
    await writeFile(
      path.join(world.root, stack, 'more.tf'),
      `resource "terraform_data" "y" { triggers_replace = data.terraform_remote_state.source.outputs.zone }`,
    );
    await world.run({ stack: { path: stack } });
    await move('two');
    const run = await startDrift(world, { stack: { path: stack }, remediate: 'automatic' });
    const failure = await failureOf(run.result());
    expect(failure.message).toContain('would be destroyed (deny of package main in keep.rego of the worker)');
    expect(await listLocks(world.store.db)).toEqual([]);
  });
});

describe('a worker that dies while a plan is judged', () => {
  it('leaves no OPA behind, and another one judges anew', async () => {
    await using world = await openWorld();
    const first = await world.startWorker(opa);
    const stack = await world.stack('died', { 'main.tf': STACK });
    const slow = `package main
deny contains "x" if { some i in numbers.range(1, 1500); some j in numbers.range(1, 1500); i * j == -1 }
warn contains "judged" if input.resource_changes
`;
    const rego = [{ path: await policy(world, 'policies-slow/slow.rego', slow) }];
    const run = await world.start({ stack: { path: stack }, approval: { required: 1 }, policies: { rego } });
    const judging = `SWITCHYARD_RUN=${run.firstExecutionRunId}/${run.workflowId}/policies-1`;
    await waitFor(async () => (await leftovers(judging)).length > 0, { what: 'OPA to run' });
    await first.kill();
    await waitFor(async () => (await leftovers(judging)).length === 0, { what: 'OPA to be ended' });
    await world.startWorker(opa);
    const gate = await openGateOf(run);
    expect(gate.conditions.map(({ observed }) => observed)).toEqual(['nothing', expect.stringContaining('judged')]);
    await approve(run);
    expect(await run.result()).toMatchObject({ applied: true });
    expect(await listLocks(world.store.db)).toEqual([]);
  });
});

describe('a worker without OPA', () => {
  let world: World;
  const missing = { SWITCHYARD_OPA_BIN: '/nowhere/opa' };
  beforeAll(async () => {
    world = await openWorld();
    await world.startWorker(missing);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it('refuses policies in Rego before it plans, and does all else', async () => {
    const stack = await world.stack('without', { 'main.tf': STACK });
    const rego = [{ path: await policy(world, 'a.rego', NO_REPLACEMENT) }];
    const handle = await world.start({ stack: { path: stack }, policies: { rego } });
    expect(await failureOf(handle.result())).toMatchObject({
      code: 'ToolMissing',
      message: expect.stringMatching(/^policies\.rego is judged by OPA, and .*set SWITCHYARD_OPA_BIN/) as string,
    });
    expect((await world.events(handle.workflowId)).map(({ type }) => type)).not.toContain('plan_made');
    expect(await world.run({ stack: { path: stack }, policies: { maxChanges: 1 } })).toMatchObject({ applied: true });
  });

  it('does not start where it must ask policies of its own, nor where these cannot be asked', async () => {
    const directory = path.join(world.root, path.dirname(await policy(world, 'own/keep.rego', NO_REPLACEMENT)));
    const SWITCHYARD_TERRAFORM_POLICIES = directory;
    await expect(world.startWorker({ ...missing, SWITCHYARD_TERRAFORM_POLICIES })).rejects.toThrow(
      /set SWITCHYARD_OPA_BIN/,
    );
    await policy(world, 'own/keep.rego', 'package main\ndeny contains {');
    await expect(world.startWorker({ ...opa, SWITCHYARD_TERRAFORM_POLICIES })).rejects.toThrow(/keep\.rego:2/);
  });
});
