import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A git repository that a test owns. */
export interface GitRepository extends AsyncDisposable {
  /** Work tree and repository. */
  readonly path: string;
  /** Its address as `file://`. */
  readonly url: string;
  /** Writes files (null removes one), commits them on the branch that is checked out, and gives the whole hash. */
  readonly commit: (files: Readonly<Record<string, string | null>>) => Promise<string>;
  /** Runs git in it and gives what it printed. */
  readonly git: (...args: readonly string[]) => Promise<string>;
}

/** Makes an empty repository whose branch is `main`, with nothing of the machine's settings in it. */
export async function createGitRepository(name = 'project'): Promise<GitRepository> {
  const base = await realpath(await mkdtemp(path.join(tmpdir(), 'git-repository-')));
  const directory = path.join(base, `${name}.git`);
  await mkdir(directory);
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: base,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Test',
    GIT_AUTHOR_EMAIL: 'test@example.org',
    GIT_COMMITTER_NAME: 'Test',
    GIT_COMMITTER_EMAIL: 'test@example.org',
  };
  const git: GitRepository['git'] = async (...args) => {
    const { stdout } = await run('git', args, { cwd: directory, env, maxBuffer: 64 * 1024 * 1024 });
    return stdout.trim();
  };
  await git('init', '--quiet', '--initial-branch=main');
  return {
    path: directory,
    url: `file://${directory}`,
    async commit(files) {
      for (const [file, text] of Object.entries(files)) {
        const full = path.join(directory, file);
        if (text === null) await rm(full);
        else {
          await mkdir(path.dirname(full), { recursive: true });
          await writeFile(full, text);
        }
      }
      await git('add', '--all');
      await git('commit', '--quiet', '--allow-empty', '--message', `change ${Object.keys(files).join(', ')}`);
      return git('rev-parse', 'HEAD');
    },
    git,
    [Symbol.asyncDispose]: () => rm(base, { recursive: true, force: true }),
  };
}
