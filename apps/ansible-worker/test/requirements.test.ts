import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createGitRepository, startGitServer, waitFor, type GitRepository, type GitServer } from '@switchyard/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { failureOf, openWorld, play, type World, type WorkerProcess } from './world.js';

const run = promisify(execFile);

let world: World;
let worker: WorkerProcess;
let role: GitRepository;
let server: GitServer;
beforeAll(async () => {
  world = await openWorld();
  worker = await world.startWorker({ SWITCHYARD_GIT_PROTOCOLS: 'file' });
  role = await createGitRepository('greeting');
  await role.commit({
    'tasks/main.yml': '- raw: echo hello-from-role\n',
    'meta/main.yml':
      'galaxy_info: {author: a, description: d, license: l, min_ansible_version: "2.9"}\ndependencies: []\n',
  });
  server = await startGitServer(role);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await role[Symbol.asyncDispose]();
});

/** Builds the collection `acme.tools` with one role, and puts it where the project wants it. */
async function buildCollection(says: string, target: string): Promise<void> {
  const base = await mkdtemp(path.join(tmpdir(), 'collection-'));
  await mkdir(path.join(base, 'roles/say/tasks'), { recursive: true });
  await writeFile(
    path.join(base, 'galaxy.yml'),
    'namespace: acme\nname: tools\nversion: 1.0.0\nreadme: README.md\nauthors: [test]\n',
  );
  await writeFile(path.join(base, 'README.md'), '');
  await writeFile(path.join(base, 'roles/say/tasks/main.yml'), `- raw: echo ${says}\n`);
  const program = world.ansibleBin === '' ? 'ansible-galaxy' : path.join(world.ansibleBin, 'ansible-galaxy');
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  await run(program, ['collection', 'build', '--output-path', base], { cwd: base, env });
  await mkdir(path.dirname(target), { recursive: true });
  await rename(path.join(base, 'acme-tools-1.0.0.tar.gz'), target);
  await rm(base, { recursive: true });
}

const one = { groups: { all: { hosts: { a: null } } } };
const roles = (...names: string[]): string =>
  `- hosts: all\n  connection: local\n  gather_facts: false\n  roles: [${names.join(', ')}]\n`;
const installed = async (): Promise<string[]> =>
  (await readdir(path.join(world.workDir, 'ansible-requirements'))).filter((name) => name !== 'locks');
const eventsOf = async (runId: string): Promise<string> => JSON.stringify(await world.events(runId));
const typesOf = async (runId: string): Promise<string[]> => (await world.events(runId)).map(({ type }) => type);

test('collections and roles of a project are installed once for runs that come at once, beside its own', async () => {
  await using repository = await createGitRepository('plays');
  await buildCollection('hello-from-collection', path.join(repository.path, 'files/tools.tar.gz'));
  await repository.commit({
    'site.yml': roles('greeting', 'acme.tools.say', 'own'),
    'elsewhere/own/tasks/main.yml': '- raw: echo hello-from-own\n',
    'ansible.cfg': '[defaults]\nroles_path = elsewhere\n',
    'requirements.yml': `collections:\n  - {name: ./files/tools.tar.gz, type: file}\nroles:\n  - {name: greeting, src: "${role.url}", scm: git}\n`,
  });
  const input = { playbook: 'site.yml', project: { git: repository.url }, inventory: one };
  const handles = await Promise.all([world.start(input), world.start(input), world.start(input)]);
  for (const handle of handles) {
    expect(await handle.result()).toMatchObject({ verdict: 'successful' });
    const said = await eventsOf(handle.workflowId);
    for (const from of ['role', 'collection', 'own']) expect(said).toContain(`hello-from-${from}`);
  }
  const types = await Promise.all(handles.map(({ workflowId }) => typesOf(workflowId)));
  expect(types.flat().filter((type) => type === 'requirements_installed')).toHaveLength(1);
  expect(await installed()).toHaveLength(1);
});

test('a directory of the worker is left as it is unless its requirements are asked for, and installed anew when they change', async () => {
  const tarball = path.join(world.root, 'plays/tools.tar.gz');
  await buildCollection('version-one', tarball);
  await world.file('plays/site.yml', roles('acme.tools.say'));
  await world.file('plays/collections/requirements.yml', 'collections: [{name: ./tools.tar.gz}]\n');
  const start = (project: object) =>
    world.start({ playbook: 'site.yml', project: { path: 'plays', ...project }, inventory: one });
  const without = await start({});
  expect((await failureOf(without.result())).code).toBe('AnsiblePlaybookInvalid');
  const first = await start({ requirements: 'install' });
  await first.result();
  await buildCollection('version-two', tarball);
  const second = await start({ requirements: 'install' });
  await second.result();
  expect(await eventsOf(first.workflowId)).toContain('version-one');
  expect(await eventsOf(second.workflowId)).toContain('version-two');
});

test('what cannot be installed is told with what Galaxy said, before any host is touched', async () => {
  await world.file('bad/site.yml', play('- raw: echo hello'));
  await world.file('bad/requirements.yml', `roles:\n  - {name: greeting, src: "${role.url}-not", scm: git}\n`);
  const start = (requirements: string) =>
    world.start({ playbook: 'site.yml', project: { path: 'bad', requirements }, inventory: one });
  const before = await installed();
  const handle = await start('install');
  const { code, message } = await failureOf(handle.result());
  expect(code).toBe('AnsibleRequirementsFailed');
  expect(message).toContain('requirements.yml: what the project requires could not be installed');
  expect(message).toContain('does not appear to be a git repository');
  expect(await typesOf(handle.workflowId)).not.toContain('play_start');
  expect(await installed()).toEqual(before);
  await (await start('ignore')).result();
  await world.file('bad/requirements.yml', 'roles: [\n');
  expect(await failureOf((await start('install')).result())).toMatchObject({
    code: 'AnsibleRequirementsFailed',
    message: expect.stringContaining('requirements.yml:2:1'),
  });
});

test('a worker that was killed while it installed leaves nothing that counts as installed', async () => {
  await world.file('slow/site.yml', roles('greeting'));
  await world.file('slow/requirements.yml', `roles:\n  - {name: greeting, src: "${server.url}", scm: git}\n`);
  const before = await installed();
  server.hold();
  const handle = await world.start({
    playbook: 'site.yml',
    project: { path: 'slow', requirements: 'install' },
    inventory: one,
  });
  await waitFor(() => server.held() > 0, { what: 'the role to be under way' });
  await worker.kill();
  const half = (await installed()).filter((name) => name.startsWith('making-'));
  expect(half).toHaveLength(1);
  server.release();
  worker = await world.startWorker({ SWITCHYARD_GIT_PROTOCOLS: 'file' });
  expect(await handle.result()).toMatchObject({ verdict: 'successful' });
  expect(await eventsOf(handle.workflowId)).toContain('hello-from-role');
  const now = await installed();
  expect(now.filter((name) => !/^[0-9a-f]{32}$/.test(name))).toEqual([]);
  expect(now).toHaveLength(before.length + 1);
});

test('what no run has used for a month is removed when a worker starts', async () => {
  const [oldest = '', ...others] = await installed();
  const past = new Date(Date.now() - 40 * 24 * 60 * 60_000);
  await utimes(path.join(world.workDir, 'ansible-requirements', oldest), past, past);
  await worker.stop();
  worker = await world.startWorker({ SWITCHYARD_GIT_PROTOCOLS: 'file' });
  expect((await installed()).toSorted()).toEqual(others.toSorted());
});
