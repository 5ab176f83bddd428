import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { CodedError, type GitSource } from '@switchyard/contracts';
import { endMarked } from '@switchyard/process';
import type { Access } from './access.js';
import type { GitCall, GitProgram } from './git-program.js';

/** One use of a repository: what opens it, and what ends it. */
export interface Use {
  readonly access: Access;
  readonly signal: AbortSignal;
}

/** What of a mirror is known to be unfinished when nobody has its lock. */
const UNFINISHED = /(?:\.lock$|^tmp_)/;

/** All branches and tags of one repository on this disk. Every method is called with the lock of the repository held. */
export class Mirror {
  readonly directory: string;
  readonly #git: GitProgram;
  readonly #address: string;
  readonly #marker: string;

  /** @param base holds everything about this repository */
  constructor(options: { git: GitProgram; address: string; base: string; marker: string }) {
    this.directory = path.join(options.base, 'mirror.git');
    this.#git = options.git;
    this.#address = options.address;
    this.#marker = options.marker;
  }

  /**
   * Makes sure that a commit is here: asks the server only when it is not, and by its hash when no branch or tag leads
   * to it any more.
   * @throws CodedError NotFound when the server does not give it
   */
  async need(commit: string, source: GitSource, use: Use): Promise<void> {
    await this.#open(use);
    if (await this.#has(commit, use)) return;
    await this.fetchAll(use);
    if (await this.#has(commit, use)) return;
    const { isOk, lines } = await this.#git.try(
      this.#call(use, `fetching ${commit} of ${this.#address}`, [
        ...FETCH,
        this.#address,
        `+${commit}:refs/switchyard/${commit}`,
      ]),
    );
    if (isOk && (await this.#has(commit, use))) return;
    const which = source.ref === undefined || source.ref === commit ? '' : ` (of "${source.ref}")`;
    throw new CodedError(
      'NotFound',
      `git: ${this.#address} has no commit ${commit}${which} any more: no branch or tag leads to it, and the server does not give it by its hash (${lines.at(-1) ?? 'it said nothing'}); was it overwritten by a push? Start a new run, which looks \`ref\` up again`,
    );
  }

  /** Brings all branches and tags up to date. */
  async fetchAll(use: Use): Promise<void> {
    await this.#open(use);
    await this.#git.run(
      this.#call(use, `fetching ${this.#address}`, [
        ...FETCH,
        '--prune',
        this.#address,
        '+refs/heads/*:refs/heads/*',
        '+refs/tags/*:refs/tags/*',
      ]),
    );
  }

  /** The commit whose hash begins so; undefined when there is none. Throws InvalidInput when there are several. */
  async complete(hash: string, use: Use): Promise<string | undefined> {
    const call = this.#call(use, `looking for ${hash}`, ['rev-parse', '--verify', `${hash}^{commit}`]);
    const { isOk, stdout, lines } = await this.#git.try(call);
    if (isOk) return stdout.trim();
    if (!lines.some((line) => /ambiguous/.test(line))) return undefined;
    throw new CodedError(
      'InvalidInput',
      `ref: "${hash}" begins several hashes of ${this.#address}; write more of the one that is meant`,
    );
  }

  /** Writes the files of a commit below `tree`, with an index of them beside it. */
  async write(commit: string, place: { readonly tree: string; readonly index: string }, use: Use): Promise<void> {
    const doing = `writing the files of ${commit} of ${this.#address}`;
    const env = { ...use.access.env, GIT_INDEX_FILE: place.index };
    await mkdir(place.tree, { recursive: true, mode: 0o700 });
    await this.#git.run({ ...this.#call(use, doing, ['read-tree', commit]), env });
    const args = [`--work-tree=${place.tree}`, 'checkout-index', '--all', '--force', '--index', '--quiet'];
    await this.#git.run({ ...this.#call(use, doing, args), env });
  }

  /** Files of a checkout that are not as they were written; those that Python keeps for itself do not count. */
  async changed(place: { readonly tree: string; readonly index: string }, use: Use): Promise<string[]> {
    const args = [`--work-tree=${place.tree}`, 'ls-files', '--others', '--modified', '-z'];
    const call = this.#call(use, `comparing a checkout of ${this.#address}`, args);
    const text = await this.#git.run({ ...call, env: { GIT_INDEX_FILE: place.index }, cwd: place.tree });
    return text.split('\0').filter((name) => name !== '' && !/(?:^|\/)__pycache__\//.test(name));
  }

  /** Submodules of a commit at or below a directory of it. */
  async submodules(commit: string, directory: string, use: Use): Promise<string[]> {
    const has = await this.#git.try(this.#call(use, 'looking', ['cat-file', '-e', `${commit}:.gitmodules`]));
    if (!has.isOk) return [];
    const at = path.posix.normalize(directory);
    const args = ['ls-tree', '-r', '-z', commit, ...(at === '.' ? [] : ['--', at])];
    const text = await this.#git.run(this.#call(use, `listing ${commit} of ${this.#address}`, args));
    return text
      .split('\0')
      .flatMap((entry) => (entry.startsWith('160000 ') ? [entry.slice(entry.indexOf('\t') + 1)] : []));
  }

  /** Files of a commit at or below a directory of it of which only a pointer of Git LFS is in the repository. */
  async lfsFiles(commit: string, directory: string, use: Use): Promise<string[]> {
    const search = async (text: string, places: readonly string[]): Promise<string[]> => {
      const args = ['grep', '-l', '-z', '-I', '-e', text, commit, '--', ...places];
      // Exit code 1 stands for nothing found.
      const { stdout } = await this.#git.try(this.#call(use, `searching ${commit} of ${this.#address}`, args));
      return stdout.split('\0').flatMap((entry) => (entry === '' ? [] : [entry.slice(commit.length + 1)]));
    };
    // Few repositories use it, so most need not be searched as a whole.
    if ((await search('filter=lfs', ['.gitattributes', '*/.gitattributes'])).length === 0) return [];
    return search('^version https://git-lfs.github.com/spec/v1$', [path.posix.normalize(directory)]);
  }

  async #has(commit: string, use: Use): Promise<boolean> {
    // A hash may also be that of an object that an interrupted fetch brought without its history.
    const args = ['rev-list', '--quiet', '--objects', '-1', commit];
    const { isOk } = await this.#git.try(this.#call(use, `looking for ${commit}`, args));
    return isOk;
  }

  /** Makes the mirror, or frees it of what a killed process left in it. */
  async #open(use: Use): Promise<void> {
    if ((await stat(this.directory).catch(() => undefined)) === undefined) {
      const made = `${this.directory}.${randomBytes(6).toString('hex')}`;
      const args = ['init', '--bare', '--quiet', '--template=', made];
      await this.#git.run({ ...this.#call(use, `making a mirror of ${this.#address}`, []), args });
      await rename(made, this.directory);
    }
    const left = await unfinishedIn(this.directory);
    if (left.length > 0) {
      // Its worker was killed; a git that goes on without it must not write while this one does.
      await endMarked(this.#marker, { signals: [] });
      for (const file of left) await rm(file, { force: true });
    }
    const now = new Date();
    await utimes(this.directory, now, now);
  }

  #call({ access, signal }: Use, doing: string, args: readonly string[]): GitCall {
    return {
      doing,
      args: [`--git-dir=${this.directory}`, ...args],
      env: access.env,
      masker: access.masker,
      signal,
      marker: this.#marker,
    };
  }
}

const FETCH = ['fetch', '--no-write-fetch-head', '--no-auto-gc', '--no-recurse-submodules', '--no-tags', '--quiet'];

async function unfinishedIn(mirror: string): Promise<string[]> {
  const places = [
    [mirror, false],
    [path.join(mirror, 'refs'), true],
    [path.join(mirror, 'objects'), false],
    [path.join(mirror, 'objects', 'pack'), false],
  ] as const;
  const found = await Promise.all(
    places.map(async ([directory, recursive]) => {
      const entries = await readdir(directory, { recursive, withFileTypes: true }).catch(() => []);
      return entries
        .filter((entry) => entry.isFile() && UNFINISHED.test(entry.name))
        .map((entry) => path.join(entry.parentPath, entry.name));
    }),
  );
  return found.flat();
}
