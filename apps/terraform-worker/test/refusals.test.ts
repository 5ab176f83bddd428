import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureOf, openWorld, type World } from './world.js';

let world: World;

beforeAll(async () => {
  world = await openWorld();
  await world.startWorker();
});
afterAll(() => world[Symbol.asyncDispose]());

const failing = async (name: string, files: Record<string, string>, input: Record<string, unknown> = {}) =>
  failureOf(world.run({ stack: { path: await world.stack(name, files) }, ...input }));

describe('bad input', () => {
  it.each<[string, unknown, string, RegExp]>([
    ['no input', null, 'InvalidInput', /TerraformWorkflow input/],
    ['an unknown field', { stack: { path: 'x' }, varz: {} }, 'InvalidInput', /did you mean "vars"/],
    ['an unknown action', { stack: { path: 'x' }, action: 'aply' }, 'InvalidInput', /action: must be one of/],
    ['a missing stack', { stack: { path: 'nowhere' } }, 'NotFound', /"nowhere" does not exist/],
    ['a path outside the roots', { stack: { path: '../..' } }, 'PathRefused', /outside the project roots/],
  ])('%s is refused', async (_, input, code, message) => {
    const failure = await failureOf(world.run(input));
    expect(failure.code).toBe(code);
    expect(failure.message).toMatch(message);
  });

  it('a directory without configuration is no stack', async () => {
    expect(await failing('empty', { 'readme.txt': 'x' })).toMatchObject({
      code: 'NotFound',
      message: '"empty" holds no .tf file, so it is no stack',
    });
  });

  it('a syntax error names its place', async () => {
    const failure = await failing('syntax', { 'main.tf': 'resource "terraform_data" "x" {' });
    expect(failure.code).toBe('TerraformConfigInvalid');
    expect(failure.message).toContain('main.tf:1:');
    expect(failure.details['diagnostics']).toMatchObject([{ summary: 'Unclosed configuration block' }]);
  });

  it('a reference to nothing names its place', async () => {
    const failure = await failing('reference', { 'main.tf': 'output "a" { value = local.nope }' });
    expect(failure).toMatchObject({ code: 'TerraformConfigInvalid' });
    expect(failure.message).toContain('main.tf:1:22: Reference to undeclared local value');
  });

  it('a variable without a value is named', async () => {
    const failure = await failing('no-value', { 'main.tf': 'variable "zone" {}' });
    expect(failure.code).toBe('TerraformConfigInvalid');
    expect(failure.message).toContain('"zone" is not set');
  });

  it('a variable that the stack does not declare is refused, and nothing is applied', async () => {
    const failure = await failing(
      'undeclared',
      { 'main.tf': 'resource "terraform_data" "x" {}' },
      { vars: { zoen: 'a' } },
    );
    expect(failure).toMatchObject({ code: 'InvalidInput', message: expect.stringContaining('vars.zoen') as string });
  });

  it('a missing secret is named', async () => {
    const failure = await failing(
      'no-secret',
      { 'main.tf': 'variable "t" {}' },
      { vars: { t: { $secret: 'not-there' } } },
    );
    expect(failure.code).toBe('NotFound');
    expect(failure.message).toContain('not-there');
  });

  it('a missing variable file is named', async () => {
    const failure = await failing('no-file', { 'main.tf': '' }, { varFiles: ['prod.tfvars'] });
    expect(failure).toMatchObject({ code: 'NotFound', message: expect.stringContaining('prod.tfvars') as string });
  });

  it('an engine that is not there is named, with the way out', async () => {
    const failure = await failing('engine', { 'main.tf': '' }, { engine: 'tofu' });
    expect(failure.code).toBe('ToolMissing');
    expect(failure.message).toContain('SWITCHYARD_TOFU_BIN');
  });

  it.each([
    ['torn', '{"version": 4, "terraf'],
    ['foreign', '{"version": 99}'],
  ])('a state that is %s is refused and left as it is', async (name, text) => {
    const stack = await world.stack(name, { 'main.tf': '', 'terraform.tfstate': text });
    const failure = await failureOf(world.run({ stack: { path: stack } }));
    expect(failure.code).toBe('TerraformInitFailed');
    expect(failure.message).toMatch(/state file/i);
    expect(await readFile(path.join(world.root, stack, 'terraform.tfstate'), 'utf8')).toBe(text);
  });

  it('a provider that no source has fails init', async () => {
    const failure = await failing('provider', {
      'main.tf': 'terraform {\n  required_providers {\n    nope = { source = "localhost/none/nope" }\n  }\n}\n',
    });
    expect(failure.code).toBe('TerraformInitFailed');
    expect(failure.message).toContain('nope');
  });
});

describe('trouble while planning and applying', () => {
  it('a resource that cannot be made fails the run and says what was made', async () => {
    const failure = await failing('half', {
      'main.tf': `
resource "terraform_data" "good" {}
resource "terraform_data" "bad" {
  depends_on = [terraform_data.good]
  provisioner "local-exec" { command = "exit 3" }
}`,
    });
    expect(failure).toMatchObject({
      code: 'TerraformApplyFailed',
      details: {
        applied: ['terraform_data.good (create)'],
        failed: ['terraform_data.bad (create)'],
        diagnostics: [{ summary: 'local-exec provisioner error', address: 'terraform_data.bad' }],
      },
    });
  });

  it('a command that takes too long is ended', async () => {
    const failure = await failing(
      'slow',
      { 'main.tf': 'resource "terraform_data" "x" {\n  provisioner "local-exec" { command = "sleep 60" }\n}' },
      { timeout: '2s' },
    );
    expect(failure).toMatchObject({ code: 'TimedOut', details: { command: 'apply', leftovers: [] } });
  });

  it('a state that somebody else has locked names the holder', async () => {
    const stack = await world.stack('locked', {
      'main.tf':
        'resource "terraform_data" "x" {\n  provisioner "local-exec" { command = "touch started; sleep 60" }\n}',
    });
    const cwd = path.join(world.root, stack);
    const other = spawn('terraform', ['apply', '-auto-approve', '-input=false'], {
      cwd,
      stdio: 'ignore',
      detached: true,
    });
    const exited = once(other, 'exit');
    try {
      await waitFor(() => access(path.join(cwd, 'started')).then(() => true), {
        what: 'the other apply to hold the lock',
      });
      const failure = await failureOf(world.run({ stack: { path: stack }, lockTimeout: '1s' }));
      expect(failure).toMatchObject({ code: 'TerraformStateLocked', details: { holder: { operation: 'apply' } } });
      expect(failure.message).toContain('locked by');
    } finally {
      process.kill(-(other.pid ?? 0), 'SIGKILL');
      await exited;
    }
    // The kernel has freed the lock with its holder; the note beside the state is not the lock.
    await writeFile(path.join(cwd, 'main.tf'), 'resource "terraform_data" "y" {}');
    expect(await world.run({ stack: { path: stack } })).toMatchObject({ applied: true });
  });

  it('two runs at once on one stack do one after the other', async () => {
    const stack = await world.stack('both', {
      'main.tf':
        'resource "terraform_data" "x" {\n  provisioner "local-exec" { command = "echo made >> made.txt; sleep 1" }\n}',
    });
    const [a, b] = await Promise.all([world.run({ stack: { path: stack } }), world.run({ stack: { path: stack } })]);
    expect([a, b].filter(({ applied }) => applied)).toHaveLength(1);
  });
});
