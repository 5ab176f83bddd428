import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GitProtocol, GitSource } from '@switchyard/contracts';
import { findMarked } from '@switchyard/process';
import { createGitRepository, fakeHttp, startGitServer, waitFor, type GitRepository } from '@switchyard/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GitSources } from '../src/index.js';

const TOKEN = 'glpat-0123456789abcdef';
const PINS = fileURLToPath(new URL('fixtures/pins.mjs', import.meta.url));
const { signal } = new AbortController();

let workDir: string;
let repository: GitRepository;
beforeEach(async () => {
  workDir = await realpath(await mkdtemp(path.join(tmpdir(), 'git-source-')));
  repository = await createGitRepository();
});
afterEach(async () => {
  await repository[Symbol.asyncDispose]();
  await rm(workDir, { recursive: true, force: true });
});

const open = (more: { protocols?: readonly GitProtocol[]; env?: NodeJS.ProcessEnv } = {}): GitSources =>
  new GitSources({
    workDir,
    env: process.env,
    protocols: ['file', 'http'],
    secret: (name) => (name === 'git-token' ? Promise.resolve(TOKEN) : Promise.reject(new Error('no such secret'))),
    ...more,
  });

const filesBelow = async (directory: string): Promise<string[]> =>
  (await readdir(directory, { recursive: true })).map(String);

const textsBelow = async (directory: string): Promise<string> => {
  const files = await readdir(directory, { recursive: true, withFileTypes: true });
  const texts = files
    .filter((entry) => entry.isFile())
    .map((entry) => readFile(path.join(entry.parentPath, entry.name)));
  return Buffer.concat(await Promise.all(texts)).toString('latin1');
};

describe('pin', () => {
  it('gives the commit of a branch, tag, annotated tag, whole and abbreviated hash, and of HEAD without a ref', async () => {
    const first = await repository.commit({ 'site.yml': '1' });
    await repository.git('tag', 'light');
    await repository.git('tag', '--annotate', '--message', 'x', 'heavy');
    await repository.git('checkout', '--quiet', '-b', 'release/1.4');
    const second = await repository.commit({ 'site.yml': '2' });
    const sources = open();
    const commitOf = async (ref?: string): Promise<string> =>
      (await sources.pin({ git: repository.url, ref }, '.', signal)).commit;
    expect(await commitOf('main')).toBe(first);
    expect(await commitOf('light')).toBe(first);
    expect(await commitOf('heavy')).toBe(first);
    expect(await commitOf('refs/tags/heavy')).toBe(first);
    expect(await commitOf('release/1.4')).toBe(second);
    expect(await commitOf(first)).toBe(first);
    expect(await commitOf(second.slice(0, 8))).toBe(second);
    expect(await commitOf()).toBe(second);
  });

  it('tells which ref is missing, and the nearest one', async () => {
    await repository.commit({ a: '' });
    await expect(open().pin({ git: repository.url, ref: 'mian' }, '.', signal)).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('did you mean "main"?') as string,
    });
    await expect(open().pin({ git: repository.url, ref: 'abcdef0123' }, '.', signal)).rejects.toMatchObject({
      code: 'NotFound',
    });
    await expect(open().pin({ git: repository.url, ref: 'f'.repeat(40) }, '.', signal)).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('was it overwritten by a push?') as string,
    });
  });

  it('refuses a name that is a branch and a tag with different commits', async () => {
    await repository.commit({ a: '1' });
    await repository.git('tag', 'v1');
    await repository.git('checkout', '--quiet', '-b', 'v1');
    await repository.commit({ a: '2' });
    await expect(open().pin({ git: repository.url, ref: 'v1' }, '.', signal)).rejects.toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('refs/heads/v1 or refs/tags/v1') as string,
    });
  });

  it('refuses a protocol that the worker may not use, before git is started', async () => {
    const refused = open({ protocols: ['https', 'ssh'] }).pin({ git: repository.url }, '.', signal);
    await expect(refused).rejects.toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('SWITCHYARD_GIT_PROTOCOLS') as string,
    });
  });

  it('tells that a repository is not there, or has no commit', async () => {
    const missing = open().pin({ git: `${repository.url}-not` }, '.', signal);
    await expect(missing).rejects.toMatchObject({ code: 'NotFound', retryable: false });
    await expect(open().pin({ git: repository.url }, '.', signal)).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('is it empty?') as string,
    });
  });

  it('tells that a server does not answer, as something that may pass', async () => {
    const server = await startGitServer(repository);
    await server[Symbol.asyncDispose]();
    await expect(open().pin({ git: server.url }, '.', signal)).rejects.toMatchObject({
      code: 'GitFailed',
      retryable: true,
    });
  });

  it('tells that git is missing or too old', async () => {
    await repository.commit({ a: '' });
    const pin = (env: NodeJS.ProcessEnv): Promise<unknown> => open({ env }).pin({ git: repository.url }, '.', signal);
    await expect(pin({ PATH: workDir })).rejects.toMatchObject({ code: 'ToolMissing' });
    const old = path.join(workDir, 'git-of-2019');
    await writeFile(old, '#!/bin/sh\necho git version 2.20.1\n', { mode: 0o755 });
    await expect(pin({ ...process.env, SWITCHYARD_GIT_BIN: old })).rejects.toMatchObject({
      code: 'ToolMissing',
      message: expect.stringContaining('2.32 or newer') as string,
    });
  });

  it('refuses a submodule where the run needs its files, and nowhere else', async () => {
    await repository.commit({ 'plays/site.yml': '', 'other/a': '' });
    await using inner = await createGitRepository('inner');
    await inner.commit({ x: '' });
    await repository.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', inner.url, 'plays/roles');
    await repository.commit({});
    const sources = open();
    await expect(sources.pin({ git: repository.url }, 'plays', signal)).rejects.toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('"plays/roles"') as string,
    });
    await expect(sources.pin({ git: repository.url }, 'other', signal)).resolves.toMatchObject({ ref: 'HEAD' });
  });

  it('refuses a file of Git LFS where the run needs it, and nowhere else', async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 5\n`;
    await repository.commit({
      'plays/site.yml': '',
      'media/.gitattributes': '*.bin filter=lfs\n',
      'media/a.bin': pointer,
    });
    const sources = open();
    await expect(sources.pin({ git: repository.url }, 'plays', signal)).resolves.toMatchObject({ ref: 'HEAD' });
    for (const directory of ['.', 'media']) {
      await expect(sources.pin({ git: repository.url }, directory, signal)).rejects.toMatchObject({
        code: 'InvalidInput',
        message: expect.stringContaining('"media/a.bin"') as string,
      });
    }
  });

  it('is ended by its time-out', async () => {
    await repository.commit({ a: '' });
    await using server = await startGitServer(repository);
    server.hold();
    const sources = new GitSources({
      workDir,
      env: process.env,
      protocols: ['http'],
      secret: () => Promise.reject(new Error('no secret is needed')),
      timeoutMs: 3_000,
    });
    await expect(sources.pin({ git: server.url }, '.', signal)).rejects.toMatchObject({ code: 'TimedOut' });
    expect(await findMarked('git')).toEqual([]);
  });

  it('is ended by a cancel', async () => {
    await repository.commit({ a: '' });
    await using server = await startGitServer(repository);
    server.hold();
    const stop = new AbortController();
    const pinned = open().pin({ git: server.url }, '.', stop.signal);
    const ended = pinned.catch((error: unknown) => error);
    await waitFor(() => server.held() > 0, { what: 'the fetch to be under way' });
    stop.abort(new Error('no longer wanted'));
    expect(await ended).toMatchObject({ message: 'no longer wanted' });
    expect(await findMarked('git')).toEqual([]);
  });
});

describe('credentials', () => {
  it('reach the server, and are in no file, message or argument', async () => {
    await repository.commit({ 'site.yml': 'x' });
    await using server = await startGitServer({ path: repository.path, credentials: `deploy:${TOKEN}` });
    const source: GitSource = { git: server.url, username: 'deploy', token: { $secret: 'git-token' } };
    const sources = open();
    server.hold();
    const pinning = sources.pin(source, '.', signal);
    await waitFor(() => server.held() > 0, { what: 'the fetch to be under way' });
    // A worker that starts meanwhile does not wait for it.
    await open().tidy();
    const processes = await findMarked('git');
    const commands = await Promise.all(processes.map(({ pid }) => readFile(`/proc/${pid}/cmdline`, 'utf8')));
    server.release();
    const { commit } = await pinning;
    await using checkout = await sources.checkout({ ...source, commit }, signal);
    expect(await readFile(path.join(checkout.path, 'site.yml'), 'utf8')).toBe('x');
    expect(server.seen.every((seen) => seen === `deploy:${TOKEN}`)).toBe(true);
    const basic = Buffer.from(`deploy:${TOKEN}`).toString('base64');
    const texts = [...commands, await textsBelow(path.join(workDir, 'git'))].join('\n');
    expect(commands.length).toBeGreaterThan(0);
    expect([TOKEN, basic].filter((secret) => texts.includes(secret))).toEqual([]);
  });

  it('that are wrong are told as such, without themselves', async () => {
    await repository.commit({ a: '' });
    await using server = await startGitServer({ path: repository.path, credentials: 'git:another' });
    const withToken = open().pin({ git: server.url, token: { $secret: 'git-token' } }, '.', signal);
    await expect(withToken).rejects.toMatchObject({ code: 'AuthFailed', retryable: false });
    await withToken.catch((error: unknown) => expect(String(error)).not.toContain(TOKEN));
    await expect(open().pin({ git: server.url }, '.', signal)).rejects.toMatchObject({ code: 'AuthFailed' });
  });

  it('do not follow a redirect to another server', async () => {
    await using other = await fakeHttp();
    await using first = await fakeHttp({
      'GET /x.git/info/refs': {
        status: 302,
        headers: { location: `${other.url}/x.git/info/refs?service=git-upload-pack` },
      },
    });
    const pinned = open().pin({ git: `${first.url}/x.git`, token: { $secret: 'git-token' } }, '.', signal);
    await expect(pinned).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('the repository has moved') as string,
    });
    expect(first.requests).toHaveLength(1);
    expect(other.requests).toEqual([]);
  });

  it('of a worker that was killed are removed by the next one', async () => {
    await repository.commit({ a: '' });
    const sources = open();
    await sources.pin({ git: repository.url }, '.', signal);
    // No process has this id: it is above the largest that Linux gives.
    const left = await mkdtemp(path.join(workDir, 'git', 'keys', '4194305.1.'));
    await writeFile(path.join(left, 'id'), 'a key');
    await sources.tidy();
    expect(await readdir(path.join(workDir, 'git', 'keys'))).toEqual([]);
  });
});

describe('a repository at ssh', () => {
  it('is read with the key from a file for this user alone, and only from a known server', async () => {
    const commit = await repository.commit({ a: '' });
    const bin = path.join(workDir, 'bin');
    const log = path.join(workDir, 'ssh.log');
    await mkdir(bin);
    // Stands for ssh: notes how it was called, and does what the server would do.
    const script = `#!/bin/sh
printf '%s\\n' "$@" > ${log}
while [ "$1" != "-i" ]; do shift; done
stat -c %a "$2" >> ${log}; cat "$2" >> ${log}
while [ $# -gt 1 ]; do shift; done
eval "$1"
`;
    await writeFile(path.join(bin, 'ssh'), script, { mode: 0o755 });
    const sources = new GitSources({
      workDir,
      env: { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` },
      protocols: ['ssh'],
      secret: () => Promise.resolve('the key'),
      knownHosts: '/etc/known hosts',
    });
    const git = `ssh://git@git.example.org${repository.path}`;
    await expect(sources.pin({ git, sshKey: { $secret: 'k' } }, '.', signal)).resolves.toMatchObject({ commit });
    const said = (await readFile(log, 'utf8')).split('\n');
    expect(said).toEqual(
      expect.arrayContaining(['StrictHostKeyChecking=yes', 'UserKnownHostsFile="/etc/known hosts"', 'BatchMode=yes']),
    );
    expect(said.slice(-3)).toEqual(['600', 'the key', '']);
    expect(await readdir(path.join(workDir, 'git', 'keys'))).toEqual([]);
  });
});

describe('checkout', () => {
  it('is of the pinned commit although the branch moved, and asks the server only once', async () => {
    const old = await repository.commit({ 'site.yml': 'old', 'roles/r/tasks/main.yml': 'role' });
    await using server = await startGitServer(repository);
    const sources = open();
    const source = { git: server.url, ref: 'main' };
    const { commit } = await sources.pin(source, '.', signal);
    await repository.commit({ 'site.yml': 'new' });
    await using one = await sources.checkout({ ...source, commit }, signal);
    await using two = await open().checkout({ ...source, commit }, signal);
    expect(commit).toBe(old);
    expect(two.path).toBe(one.path);
    expect(await readFile(path.join(one.path, 'site.yml'), 'utf8')).toBe('old');
    expect((await filesBelow(one.path)).toSorted()).toContain('roles/r/tasks/main.yml');
    expect(server.fetches()).toBe(1);
  });

  it('is of the pinned commit although a push has overwritten it: here from the mirror, elsewhere by its hash', async () => {
    await repository.commit({ base: '' });
    const gone = await repository.commit({ 'site.yml': 'overwritten' });
    await using server = await startGitServer(repository);
    const sources = open();
    await sources.pin({ git: server.url, ref: 'main' }, '.', signal);
    await repository.git('reset', '--quiet', '--hard', 'HEAD~1');
    await repository.commit({ 'site.yml': 'pushed' });
    await sources.pin({ git: server.url, ref: 'main' }, '.', signal);
    const read = async (from: GitSources): Promise<string> => {
      await using checkout = await from.checkout({ git: server.url, ref: 'main', commit: gone }, signal);
      return readFile(path.join(checkout.path, 'site.yml'), 'utf8');
    };
    expect(await read(sources)).toBe('overwritten');
    const elsewhere = new GitSources({
      workDir: path.join(workDir, 'elsewhere'),
      env: process.env,
      protocols: ['http'],
      secret: () => Promise.reject(new Error('no secret is needed')),
    });
    expect(await read(elsewhere)).toBe('overwritten');
  });

  it('is made once by many that come at once', async () => {
    const commit = await repository.commit({ a: 'x' });
    const sources = Array.from({ length: 6 }, () => open());
    const checkouts = await Promise.all(sources.map((one) => one.checkout({ git: repository.url, commit }, signal)));
    expect(new Set(checkouts.map((checkout) => checkout.path)).size).toBe(1);
  });

  it.each([
    ['changed', (tree: string) => writeFile(path.join(tree, 'site.yml'), 'mine')],
    ['added', (tree: string) => writeFile(path.join(tree, 'facts.json'), '{}')],
    ['ignored', (tree: string) => writeFile(path.join(tree, 'x.retry'), '')],
    ['removed', (tree: string) => rm(path.join(tree, 'site.yml'))],
  ])('is made anew when an earlier run has left a file %s', async (_, write) => {
    const commit = await repository.commit({ 'site.yml': 'theirs', '.gitignore': '*.retry\n' });
    const sources = open();
    const source = { git: repository.url, commit };
    await using first = await sources.checkout(source, signal);
    await write(first.path);
    await using second = await sources.checkout(source, signal);
    expect(second.path).not.toBe(first.path);
    expect(second.changed).toHaveLength(1);
    expect(await readFile(path.join(second.path, 'site.yml'), 'utf8')).toBe('theirs');
    await using third = await sources.checkout(source, signal);
    expect(third.path).toBe(second.path);
  });

  it('runs nothing of the repository and takes nothing of the machine', async () => {
    const marker = path.join(workDir, 'ran');
    await repository.commit({ 'site.yml': 'x', '.gitattributes': '* filter=evil\n' });
    const home = path.join(workDir, 'home');
    await open().tidy();
    await using other = await createGitRepository('home');
    await other.commit({
      '.gitconfig': `[filter "evil"]\n smudge = touch ${marker}\n[core]\n hooksPath = ${other.path}/hooks\n`,
      'hooks/post-checkout': `#!/bin/sh\ntouch ${marker}\n`,
    });
    await symlink(other.path, home);
    const sources = open({ env: { ...process.env, HOME: home, GIT_TRACE: '1' } });
    const { commit } = await sources.pin({ git: repository.url }, '.', signal);
    await using _ = await sources.checkout({ git: repository.url, commit }, signal);
    await expect(access(marker)).rejects.toThrow('ENOENT');
  });

  it('is whole after a worker was killed in the middle of a fetch, while its git went on', async () => {
    const noise = Array.from({ length: 40 }, (_, line) => `${line} ${Math.sin(line)}\n`).join('');
    await repository.commit(Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`f${n}`, `${n}${noise}`])));
    await using server = await startGitServer(repository);
    server.hold();
    const worker = spawn(process.execPath, [PINS, workDir, server.url], { stdio: 'inherit' });
    const exited = once(worker, 'exit');
    await waitFor(() => server.held() > 0, { what: 'the fetch to be under way' });
    worker.kill('SIGKILL');
    await exited;
    const [key = ''] = (await readdir(path.join(workDir, 'git'))).filter((name) => /^[0-9a-f]{24}$/.test(name));
    const mirror = path.join(workDir, 'git', key, 'mirror.git');
    await writeFile(path.join(mirror, 'packed-refs.lock'), '');
    expect((await findMarked(`git/${key}`)).length).toBeGreaterThan(0);
    server.release();
    const sources = open();
    const { commit } = await sources.pin({ git: server.url }, '.', signal);
    await using checkout = await sources.checkout({ git: server.url, commit }, signal);
    expect((await readdir(checkout.path)).length).toBe(60);
    expect(await findMarked(`git/${key}`)).toEqual([]);
    expect((await filesBelow(mirror)).filter((name) => /\.lock$|tmp_/.test(name))).toEqual([]);
  });

  it('that was left half-made is no checkout, and is removed', async () => {
    const commit = await repository.commit({ a: 'x' });
    const sources = open();
    const first = await sources.checkout({ git: repository.url, commit }, signal);
    const trees = path.dirname(path.dirname(first.path));
    await writeFile(path.join(trees, 'making-0123'), '');
    await using second = await sources.checkout({ git: repository.url, commit }, signal);
    expect(second.path).toBe(first.path);
    expect(await readdir(trees)).toEqual([`${commit}.1`]);
    await first[Symbol.asyncDispose]();
  });

  it('is removed when it is old, but not while somebody uses it', async () => {
    const commit = await repository.commit({ a: 'x' });
    const sources = open();
    const checkout = await sources.checkout({ git: repository.url, commit }, signal);
    const directory = path.dirname(checkout.path);
    const old = new Date(Date.now() - 60 * 24 * 60 * 60_000);
    await utimes(directory, old, old);
    await sources.tidy();
    expect(await readFile(path.join(checkout.path, 'a'), 'utf8')).toBe('x');
    await checkout[Symbol.asyncDispose]();
    await utimes(directory, old, old);
    await sources.tidy();
    await expect(access(directory)).rejects.toThrow('ENOENT');
    await sources.tidy(Date.now() + 60 * 24 * 60 * 60_000);
    expect((await readdir(path.join(workDir, 'git'))).toSorted()).toEqual(['home', 'keys', 'locks']);
  });
});

describe('copy', () => {
  it('belongs to one run: what is written there stays, and is seen by nobody else', async () => {
    const commit = await repository.commit({ 'network/main.tf': 'a', 'modules/m/main.tf': 'm' });
    const source = { git: repository.url, commit };
    const sources = open();
    const mine = path.join(workDir, 'mine');
    await sources.copy(source, mine, signal);
    await writeFile(path.join(mine, 'network', '.terraform.lock.hcl'), 'locked');
    await sources.copy(source, mine, signal);
    await sources.copy(source, path.join(workDir, 'theirs'), signal);
    expect((await filesBelow(mine)).toSorted()).toContain('network/.terraform.lock.hcl');
    expect(await readdir(path.join(workDir, 'theirs', 'network'))).toEqual(['main.tf']);
    expect((await readdir(workDir)).toSorted()).toEqual(['git', 'mine', 'theirs']);
  });
});
