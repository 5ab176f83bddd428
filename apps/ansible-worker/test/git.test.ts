import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { AnsibleResult } from '@switchyard/contracts';
import { createGitRepository, startGitServer, waitFor, type GitRepository, type GitServer } from '@switchyard/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { failureOf, historyOf, openWorld, play, statusOf, type World, type WorkerProcess } from './world.js';

const TOKEN = 'glpat-of-the-plays-0123';
const ENV = { SECRET_GIT_TOKEN: TOKEN, SECRET_WRONG_TOKEN: 'glpat-of-nobody-4567', SWITCHYARD_GIT_PROTOCOLS: 'http' };

let world: World;
let worker: WorkerProcess;
let repository: GitRepository;
let server: GitServer;
beforeAll(async () => {
  world = await openWorld();
  worker = await world.startWorker(ENV);
  repository = await createGitRepository('plays');
  server = await startGitServer({ path: repository.path, credentials: `git:${TOKEN}` });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await repository[Symbol.asyncDispose]();
});

const project = (more: object = {}) => ({ git: server.url, path: 'ansible', token: { $secret: 'git_token' }, ...more });
const hosts = (...names: string[]) => ({
  groups: { all: { hosts: Object.fromEntries(names.map((name) => [name, null])) } },
});
const linesOf = async (runId: string): Promise<string> =>
  (await world.events(runId)).map(({ message }) => message).join('\n');
const textOf = async (runId: string): Promise<string> => JSON.stringify(await world.events(runId));

/** A play that says its version, and waits for a file below the root before that. */
const waiting = (version: string, gate: string): string =>
  play(`- raw: until test -e ${path.join(world.root, gate)}; do sleep 0.05; done; echo this-is-${version}`);

test('all batches, also those of a later worker, run the commit that the branch meant at the start', async () => {
  const old = await repository.commit({
    'ansible/site.yml': waiting('old', 'go-1'),
    'ansible/ansible.cfg': '[defaults]\nforce_color = false\n',
  });
  const handle = await world.start({
    playbook: 'site.yml',
    project: project({ ref: 'main' }),
    inventory: hosts('a', 'b', 'c'),
    batchSize: 1,
    maxParallel: 1,
  });
  const hasBegun = async (): Promise<boolean> =>
    (await world.events(handle.workflowId)).some(({ type }) => type === 'task_start');
  await waitFor(hasBegun, { what: 'the first batch to be under way' });
  await repository.commit({ 'ansible/site.yml': waiting('new', 'go-1') });
  await worker.kill();
  // As on another machine: nothing of the repository is there yet.
  worker = await world.startWorker({ ...ENV, SWITCHYARD_WORK_DIR: `${world.workDir}-2` });
  await world.file('go-1', '');
  const result = (await handle.result()) as AnsibleResult;
  expect(result).toMatchObject({
    verdict: 'successful',
    batches: 3,
    source: { git: server.url, ref: 'main', commit: old },
  });
  const said = await textOf(handle.workflowId);
  expect(said).toContain('this-is-old');
  expect(said).not.toContain('this-is-new');
  const { steps } = await statusOf(handle);
  expect(steps[0]).toMatchObject({
    id: 'source',
    state: 'done',
    detail: `main of ${server.url} at ${old.slice(0, 12)}`,
  });
  const pinned = (await world.events(handle.workflowId)).find(({ type }) => type === 'source_pinned');
  expect(pinned?.data).toEqual({ git: server.url, ref: 'main', commit: old });
});

test('a finished run is taken up again with its own commit, although the branch has moved', async () => {
  const marker = path.join(world.root, 'mended');
  const old = await repository.commit({ 'ansible/retry.yml': play(`- raw: test -e ${marker} && echo this-is-old`) });
  const handle = await world.start({
    playbook: 'retry.yml',
    project: project(),
    inventory: hosts('a'),
    retry: { attempts: 1 },
  });
  const { code, details } = await failureOf(handle.result());
  expect(code).toBe('AnsibleHostsFailed');
  expect(details.source).toEqual({ git: server.url, ref: 'HEAD', commit: old });
  await repository.commit({ 'ansible/retry.yml': play('- raw: echo this-is-new') });
  await writeFile(marker, '');
  const again = await world.start({ retryOf: handle.workflowId });
  expect(await again.result()).toMatchObject({ verdict: 'successful', source: { commit: old } });
  expect(await textOf(again.workflowId)).toContain('this-is-old');
});

test('a token is in no event, result, history, log or argument', async () => {
  await repository.commit({ 'ansible/args.yml': play('- raw: cat /proc/*/cmdline 2>/dev/null | tr "\\0" " "; env') });
  const handle = await world.start({ playbook: 'args.yml', project: project(), inventory: hosts('a') });
  const result = await handle.result();
  const events = JSON.stringify(await world.events(handle.workflowId));
  const texts = [JSON.stringify(result), events, await historyOf(handle), worker.log()].join('\n');
  expect(events).toContain('ansible-playbook');
  const basic = Buffer.from(`git:${TOKEN}`).toString('base64');
  expect([TOKEN, basic].filter((secret) => texts.includes(secret))).toEqual([]);
});

test.each([
  ['a ref that is not there', { ref: 'mian' }, 'NotFound', 'did you mean "main"?'],
  ['a path that the commit does not have', { path: 'other' }, 'NotFound', 'a directory of the repository'],
  ['a secret that is missing', { token: { $secret: 'nothing' } }, 'NotFound', 'nothing'],
  ['a token that the server refuses', { token: { $secret: 'wrong_token' } }, 'AuthFailed', 'refused the credentials'],
  ['an address with a password', { git: 'http://me:pw@h.example/x.git' }, 'InvalidInput', 'must hold no credentials'],
  [
    'a protocol that is not allowed',
    { git: '/srv/x.git', token: undefined },
    'InvalidInput',
    'SWITCHYARD_GIT_PROTOCOLS',
  ],
])('%s is refused before any host is touched', async (_, more, code, said) => {
  await repository.commit({ 'ansible/site.yml': play('- raw: echo hello') });
  const handle = await world.start({ playbook: 'site.yml', project: project(more), inventory: hosts('a') });
  expect(await failureOf(handle.result())).toMatchObject({ code, message: expect.stringContaining(said) });
  expect((await world.events(handle.workflowId)).map(({ type }) => type)).not.toContain('play_start');
});

test('what a playbook writes into its project is not there for the next run', async () => {
  const commit = await repository.commit({
    'ansible/writes.yml': play('- raw: cd {{ playbook_dir }} && ls && echo x > left-behind'),
  });
  const run = async (): Promise<string> => {
    const handle = await world.start({ playbook: 'writes.yml', project: project({ commit }), inventory: hosts('a') });
    await handle.result();
    return linesOf(handle.workflowId);
  };
  await run();
  const second = await run();
  expect(second).toContain('an earlier playbook has written into its project (ansible/left-behind)');
  expect(second.match(/left-behind/g)).toHaveLength(1);
});

test('a worker without git refuses, and says how to get it', async () => {
  await worker.stop();
  worker = await world.startWorker({ ...ENV, SWITCHYARD_GIT_BIN: path.join(world.root, 'no-git') });
  const handle = await world.start({ playbook: 'site.yml', project: project(), inventory: hosts('a') });
  expect(await failureOf(handle.result())).toMatchObject({
    code: 'ToolMissing',
    message: expect.stringContaining('SWITCHYARD_GIT_BIN'),
  });
});
