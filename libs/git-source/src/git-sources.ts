import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { CodedError, type GitPin, type GitProtocol, type GitSource } from '@switchyard/contracts';
import { withFileLock, withFreeFileLock, type Reaper } from '@switchyard/process';
import { openAccess, removeDeadKeys } from './access.js';
import { Checkouts, type Checkout } from './checkouts.js';
import { gitEnvironment } from './environment.js';
import { GitProgram } from './git-program.js';
import { Mirror, type Use } from './mirror.js';
import { lookUp, parseRefs, unknownRef } from './refs.js';

const DAY_MS = 24 * 60 * 60_000;
const TIMEOUT_MS = 15 * 60_000;
const KEEP = 20;
const CHECKOUT_AGE_MS = 14 * DAY_MS;
const MIRROR_AGE_MS = 30 * DAY_MS;

/** Options of {@link GitSources}. */
export interface GitSourcesOptions {
  /** Scratch directory of the worker; everything lies in `git` below it. Not shared by machines. */
  readonly workDir: string;
  /** Environment of the worker: git is sought in it, and an allow-list of it reaches git. */
  readonly env: NodeJS.ProcessEnv;
  /** How repositories may be reached. */
  readonly protocols: readonly GitProtocol[];
  /** Value of a secret; throws NotFound for a name that nobody knows. */
  readonly secret: (name: string) => Promise<string>;
  /** File with the keys of ssh servers. Default: that of the user. */
  readonly knownHosts?: string;
  readonly reaper?: Reaper;
  /** Milliseconds for one call of git. Default 15 minutes. */
  readonly timeoutMs?: number;
}

/** A source whose commit is known. */
export type PinnedSource = GitSource & { readonly commit: string };

/** Repositories as one worker sees them: a mirror of each, and checkouts of the commits that runs work with. */
export class GitSources {
  readonly #options: GitSourcesOptions;
  readonly #directory: string;
  readonly #git: GitProgram;

  constructor(options: GitSourcesOptions) {
    this.#options = options;
    this.#directory = path.join(path.resolve(options.workDir), 'git');
    const { env, protocols, reaper, timeoutMs = TIMEOUT_MS } = options;
    this.#git = new GitProgram({
      searchEnv: env,
      env: gitEnvironment({ env, protocols, home: path.join(this.#directory, 'home') }),
      timeoutMs,
      ...(reaper === undefined ? {} : { reaper }),
    });
  }

  /**
   * Looks up which commit a source means now, and fetches it, so that it stays what it is when branches move.
   * @param directory that the run needs: submodules and files of Git LFS below it are refused
   * @throws CodedError InvalidInput, NotFound, AuthFailed, GitFailed, TimedOut, ToolMissing
   */
  async pin(source: GitSource, directory: string, signal: AbortSignal): Promise<GitPin> {
    return this.#during(source, signal, async (use, { mirror }) => {
      const commit = source.commit ?? (await this.#lookUp(source, mirror, use));
      await mirror.need(commit, source, use);
      const [submodule] = await mirror.submodules(commit, directory, use);
      if (submodule !== undefined) {
        throw new CodedError(
          'InvalidInput',
          `path: "${submodule}" of ${source.git} is a submodule, and submodules are not fetched; name a \`path\` without one, or name the other repository in \`git\``,
        );
      }
      const [pointer] = await mirror.lfsFiles(commit, directory, use);
      if (pointer !== undefined) {
        throw new CodedError(
          'InvalidInput',
          `path: "${pointer}" of ${source.git} lies in Git LFS, from where nothing is fetched, so a pointer would stand in its place; keep it in the repository itself, or name a \`path\` without such files`,
        );
      }
      return { git: source.git, ref: source.ref ?? source.commit ?? 'HEAD', commit };
    });
  }

  /** The files of a pinned source, shared by all runs of this worker that use the same commit: nobody writes there. */
  checkout(source: PinnedSource, signal: AbortSignal): Promise<Checkout> {
    return this.#during(source, signal, async (use, { mirror, checkouts }) => {
      await mirror.need(source.commit, source, use);
      const checkout = await checkouts.take(source.commit, use);
      await checkouts.tidy({ keep: KEEP, maxAgeMs: CHECKOUT_AGE_MS, now: Date.now() });
      return checkout;
    });
  }

  /** Writes the files of a pinned source to a directory of the caller's own. What is there already stays as it is. */
  async copy(source: PinnedSource, target: string, signal: AbortSignal): Promise<void> {
    if ((await stat(target).catch(() => undefined)) !== undefined) return;
    const making = `${target}.${randomBytes(6).toString('hex')}`;
    await this.#during(source, signal, async (use, { mirror }) => {
      await mirror.need(source.commit, source, use);
      const index = `${making}.index`;
      try {
        await mirror.write(source.commit, { tree: making, index }, use);
        await rename(making, target);
      } finally {
        await rm(making, { recursive: true, force: true, maxRetries: 3 });
        await rm(index, { force: true });
      }
    });
  }

  /** Removes what nobody has used for long, and what processes that died left. Called when a worker starts. */
  async tidy(now: number = Date.now()): Promise<void> {
    for (const name of await readdir(this.#directory).catch((): string[] => [])) {
      if (!/^[0-9a-f]{24}$/.test(name)) continue;
      const base = path.join(this.#directory, name);
      // A repository that somebody works on is left for another time: its fetch may take long, and a worker starts now.
      await withFreeFileLock(this.#lock(name), async () => {
        const { checkouts } = this.#parts(name, '');
        await checkouts.tidy({ keep: KEEP, maxAgeMs: CHECKOUT_AGE_MS, now });
        const mirror = await stat(path.join(base, 'mirror.git')).catch(() => undefined);
        if ((mirror && now - mirror.mtimeMs <= MIRROR_AGE_MS) || (await checkouts.isUsed())) return;
        await rm(base, { recursive: true, force: true, maxRetries: 3 });
      });
    }
    await removeDeadKeys(path.join(this.#directory, 'keys'));
  }

  async #lookUp({ git, ref }: GitSource, mirror: Mirror, use: Use): Promise<string> {
    const { access, signal } = use;
    const text = await this.#git.run({
      doing: `reading ${git}`,
      args: ['ls-remote', '--quiet', git, 'HEAD', 'refs/heads/*', 'refs/tags/*'],
      env: access.env,
      masker: access.masker,
      signal,
      marker: `git/${keyOf(git)}`,
    });
    const refs = parseRefs(text);
    const looked = lookUp(refs, ref, git);
    if (looked.kind === 'commit') return looked.commit;
    await mirror.fetchAll(use);
    const commit = await mirror.complete(looked.hash, use);
    if (commit === undefined) throw unknownRef(refs, looked.hash, git);
    return commit;
  }

  async #during<T>(
    source: GitSource,
    signal: AbortSignal,
    work: (use: Use, parts: { readonly mirror: Mirror; readonly checkouts: Checkouts }) => Promise<T>,
  ): Promise<T> {
    const { protocols, secret, knownHosts } = this.#options;
    const scratch = path.join(this.#directory, 'keys');
    try {
      await mkdir(path.join(this.#directory, 'home'), { recursive: true, mode: 0o700 });
      await mkdir(scratch, { recursive: true, mode: 0o700 });
      await using access = await openAccess(source, {
        protocols,
        secret,
        scratch,
        ...(knownHosts === undefined ? {} : { knownHosts }),
      });
      const key = keyOf(source.git);
      await mkdir(path.join(this.#directory, key), { recursive: true, mode: 0o700 });
      return await withFileLock(
        this.#lock(key),
        async () => {
          // It may have been tidied away while this one waited.
          await mkdir(path.join(this.#directory, key), { recursive: true, mode: 0o700 });
          return work({ access, signal }, this.#parts(key, source.git));
        },
        { signal },
      );
    } catch (error) {
      throw fullDisk(error, source);
    }
  }

  /** Locks lie apart from what they guard, which may be removed. */
  #lock(key: string): string {
    return path.join(this.#directory, 'locks', key);
  }

  #parts(key: string, address: string): { readonly mirror: Mirror; readonly checkouts: Checkouts } {
    const base = path.join(this.#directory, key);
    const mirror = new Mirror({ git: this.#git, address, base, marker: `git/${key}` });
    return { mirror, checkouts: new Checkouts(mirror, base) };
  }
}

const keyOf = (git: string): string => createHash('sha256').update(git).digest('hex').slice(0, 24);

function fullDisk(error: unknown, { git }: GitSource): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  const message = `keeping ${git} failed: the disk of the worker is full; free space below SWITCHYARD_WORK_DIR`;
  return new CodedError('GitFailed', message, { cause: error });
}
