import { readdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import type { TerraformResult } from '@switchyard/contracts';
import { listLocks } from '@switchyard/store';
import { createGitRepository, startGitServer, waitFor, type GitRepository, type GitServer } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDrift } from './drifting.js';
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

const TOKEN = 'glpat-of-the-stacks-0123';
const ENV = { SECRET_GIT_TOKEN: TOKEN, SECRET_WRONG_TOKEN: 'glpat-of-nobody-4567', SWITCHYARD_GIT_PROTOCOLS: 'http' };

let world: World;
let worker: WorkerProcess;
let repository: GitRepository;
let server: GitServer;
beforeAll(async () => {
  world = await openWorld();
  worker = await world.startWorker(ENV);
  repository = await createGitRepository('infra');
  await symlink('/etc', path.join(repository.path, 'out'));
  server = await startGitServer({ path: repository.path, credentials: `git:${TOKEN}` });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await repository[Symbol.asyncDispose]();
});

const stack = (more: object = {}) => ({
  git: server.url,
  ref: 'main',
  path: 'stacks/net',
  token: { $secret: 'git_token' },
  ...more,
});
/** A stack whose state lies elsewhere, with a module beside it that says its version. */
const files = (version: string, state: string): Record<string, string> => ({
  'stacks/net/main.tf': `
terraform {
  backend "local" { path = "${path.join(world.root, state)}" }
}
module "word" { source = "../../modules/word" }
resource "terraform_data" "x" { input = module.word.value }
output "word" { value = terraform_data.x.output }
`,
  'modules/word/main.tf': `output "value" { value = "${version}" }\n`,
});

describe('a stack from git', () => {
  it('is applied as the commit that was planned and approved, by a worker that has never seen it, although the branch moved', async () => {
    // init takes the provider that nothing needs out of the lock file: the planned one is not the committed one.
    const unused = `provider "providers.example.org/acme/null" {\n  version = "3.2.1"\n  hashes = ["h1:${'a'.repeat(43)}="]\n}\n`;
    const old = await repository.commit({
      ...files('old', 'moved.tfstate'),
      'stacks/net/.terraform.lock.hcl': unused,
    });
    const handle = await world.start({ stack: stack(), approval: { required: 1 } });
    const gate = await openGateOf(handle);
    const at = `main of ${server.url} at ${old.slice(0, 12)}`;
    expect(gate.shown).toContain(`from ${at}`);
    expect((await statusOf(handle)).steps[0]).toMatchObject({ id: 'source', state: 'done', detail: at });
    await repository.commit({ ...files('new', 'moved.tfstate'), 'stacks/net/.terraform.lock.hcl': null });
    await worker.stop();
    worker = await world.startWorker(ENV);
    await approve(handle);
    const result = (await handle.result()) as TerraformResult;
    expect(result).toMatchObject({
      applied: true,
      outputs: { word: { value: 'old' } },
      source: { git: server.url, ref: 'main', commit: old },
    });
    const events = await world.events(result.runId);
    expect(events.find(({ type }) => type === 'source_pinned')?.data).toEqual(result.source);
    const texts = [JSON.stringify([result, events]), await historyOf(handle), worker.log()].join('\n');
    const basic = Buffer.from(`git:${TOKEN}`).toString('base64');
    expect([TOKEN, basic].filter((secret) => texts.includes(secret))).toEqual([]);
    // What the tool wrote beside the configuration is gone with the run.
    expect(await readdir(path.join(worker.workDir, 'terraform'))).toEqual([]);
  });

  it('plans again with the newest commit in a new run, and does not ask when nothing is to be done', async () => {
    const commit = await repository.commit(files('same', 'again.tfstate'));
    expect(await world.run({ stack: stack() })).toMatchObject({ applied: true, source: { commit } });
    const next = await repository.commit({ 'README.md': 'changed' });
    const handle = await world.start({ stack: stack(), approval: { required: 1 } });
    expect(await handle.result()).toMatchObject({ applied: false, source: { commit: next } });
    const { steps } = await statusOf(handle);
    expect(steps.map(({ id, state }) => `${id} ${state}`)).toEqual([
      'source done',
      'plan done',
      'approval skipped',
      'apply skipped',
    ]);
  });

  it('is kept apart from other runs of it, from whatever branch', async () => {
    await repository.commit(files('one', 'locks.tfstate'));
    const handle = await world.start({ stack: stack(), approval: { required: 1 } });
    await openGateOf(handle);
    const names = (await listLocks(world.store.db)).map(({ name }) => name);
    expect(names).toEqual([`terraform:${server.url}//stacks/net:default`]);
    await repository.git('branch', '--force', 'other');
    const other = await world.start({ stack: stack({ ref: 'other' }), action: 'plan', lockTimeout: '1s' });
    expect((await failureOf(other.result())).code).toBe('LockUnavailable');
    await handle.executeUpdate('abort', { args: [{ reason: 'enough' }] });
    await handle.result().catch(() => undefined);
  });

  it('that has drifted is applied as the commit that was compared, although the branch moved', async () => {
    const source = await world.stack('source', {
      'main.tf': 'variable "zone" {}\noutput "zone" { value = var.zone }\n',
    });
    await world.run({ stack: { path: source }, vars: { zone: 'one' } });
    const follower = (says: string): Record<string, string> => ({
      ...files(says, 'drift.tfstate'),
      'stacks/net/zone.tf': `
data "terraform_remote_state" "source" {
  backend = "local"
  config  = { path = "${path.join(world.root, source, 'terraform.tfstate')}" }
}
output "zone" { value = data.terraform_remote_state.source.outputs.zone }
`,
    });
    const old = await repository.commit(follower('steady'));
    await world.run({ stack: stack() });
    await world.run({ stack: { path: source }, vars: { zone: 'two' } });
    const handle = await startDrift(world, { stack: stack(), remediate: 'approval' });
    const child = world.client.workflow.getHandle(`${handle.workflowId}/remediate`);
    const gate = await waitFor(() => openGateOf(child), { what: 'the remediation to ask' });
    expect(gate.shown).toContain(`from main of ${server.url} at ${old.slice(0, 12)}`);
    await repository.commit({ ...follower('moved'), 'stacks/net/zone.tf': 'output "other" { value = 1 }\n' });
    await approve(child);
    expect(await handle.result()).toMatchObject({
      drift: 'new',
      subject: `drift:${server.url}//stacks/net:default`,
      source: { ref: 'main', commit: old },
      remediation: { applied: true },
    });
    expect(await child.result()).toMatchObject({
      outputs: { word: { value: 'steady' }, zone: { value: 'two' } },
      source: { ref: 'main', commit: old },
    });
    await repository.commit({ 'stacks/net/zone.tf': null });
  });

  it('is refused when its state would be lost with its files', async () => {
    await repository.commit({ 'stacks/local/main.tf': 'resource "terraform_data" "x" {}\n' });
    const handle = await world.start({ stack: stack({ path: 'stacks/local' }) });
    const { code, message } = await failureOf(handle.result());
    expect(code).toBe('TerraformConfigInvalid');
    expect(message).toContain('give it a backend');
    expect(await listLocks(world.store.db)).toEqual([]);
  });

  it.each([
    ['a ref that is not there', { ref: 'mian' }, 'NotFound', 'did you mean "main"?'],
    ['a path that the commit does not have', { path: 'stacks/none' }, 'NotFound', 'does not exist'],
    ['a directory without configuration', { path: 'modules' }, 'NotFound', 'holds no .tf file'],
    ['a token that the server refuses', { token: { $secret: 'wrong_token' } }, 'AuthFailed', 'refused the credentials'],
    ['a link that leaves the repository', { path: 'out' }, 'PathRefused', 'outside'],
  ])('is refused for %s, before its lock is taken', async (_, more, code, said) => {
    const handle = await world.start({ stack: stack(more) });
    const failure = await failureOf(handle.result());
    expect(failure).toMatchObject({ code });
    expect(failure.message).toContain(said);
    expect(failure.message).not.toContain('glpat');
    expect(await listLocks(world.store.db)).toEqual([]);
  });

  it('takes variable files of its repository, and no others', async () => {
    await repository.commit({
      ...files('vars', 'vars.tfstate'),
      'stacks/net/vars.tf': 'variable "zone" { default = "" }\noutput "zone" { value = var.zone }\n',
      'environments/prod.tfvars': 'zone = "eu-1"\n',
    });
    const result = await world.run({ stack: stack(), varFiles: ['../../environments/prod.tfvars'] });
    expect(result.outputs['zone']).toMatchObject({ value: 'eu-1' });
    await world.stack('elsewhere', { 'prod.tfvars': 'zone = "no"\n' });
    const outside = await world.start({ stack: stack(), varFiles: [path.join(world.root, 'elsewhere/prod.tfvars')] });
    expect((await failureOf(outside.result())).code).toBe('PathRefused');
  });
});
