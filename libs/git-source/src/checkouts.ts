import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isIdentityAlive, processIdentity } from '@switchyard/process';
import type { Mirror, Use } from './mirror.js';

/** The files of a commit, for as long as somebody uses them. */
export interface Checkout extends AsyncDisposable {
  /** Directory with the files. */
  readonly path: string;
  /** Files that an earlier user of this commit has changed, so that they were written anew for this one. */
  readonly changed: readonly string[];
}

const MOST_NAMED = 10;
const USERS = 'users';

const placeOf = (directory: string): { tree: string; index: string } => ({
  tree: path.join(directory, 'tree'),
  index: path.join(directory, 'index'),
});

/**
 * Checkouts of one repository, by commit: `<commit>.<n>/{tree,index,users}`. A name is given by renaming a finished
 * directory, so whatever has one is whole. Every method is called with the lock of the repository held.
 */
export class Checkouts {
  readonly #mirror: Mirror;
  readonly #directory: string;

  constructor(mirror: Mirror, base: string) {
    this.#mirror = mirror;
    this.#directory = path.join(base, 'trees');
  }

  /** One that nobody has written into, made when there is none. */
  async take(commit: string, use: Use): Promise<Checkout> {
    const changed: string[] = [];
    for (const name of await this.#names()) {
      if (!name.startsWith(`${commit}.`)) continue;
      const directory = path.join(this.#directory, name);
      const now = await this.#mirror.changed(placeOf(directory), use);
      if (now.length === 0) return this.#used(directory, []);
      changed.push(...now);
    }
    return this.#used(await this.#make(commit, use), changed.slice(0, MOST_NAMED));
  }

  /**
   * Removes what nobody uses: beyond the newest `keep`, or not used for `maxAgeMs`, or left unfinished by a process
   * that died.
   */
  async tidy({ keep, maxAgeMs, now }: { keep: number; maxAgeMs: number; now: number }): Promise<void> {
    const found = await Promise.all(
      (await this.#names()).map(async (name) => {
        const directory = path.join(this.#directory, name);
        const usedAt = (await stat(directory).catch(() => undefined))?.mtimeMs ?? 0;
        return { directory, usedAt, isFinished: /^[0-9a-f]+\.\d+$/.test(name) };
      }),
    );
    const finished = found.filter(({ isFinished }) => isFinished).toSorted((a, b) => b.usedAt - a.usedAt);
    const old = finished.filter(({ usedAt }, index) => index >= keep || now - usedAt > maxAgeMs);
    for (const { directory } of [...old, ...found.filter(({ isFinished }) => !isFinished)]) {
      if (!(await isUsed(directory))) await this.#remove(directory);
    }
  }

  /** Whether anybody uses one of them. */
  async isUsed(): Promise<boolean> {
    const used = (await this.#names()).map((name) => isUsed(path.join(this.#directory, name)));
    return (await Promise.all(used)).includes(true);
  }

  async #names(): Promise<string[]> {
    return (await readdir(this.#directory).catch((): string[] => [])).toSorted();
  }

  async #make(commit: string, use: Use): Promise<string> {
    const making = path.join(this.#directory, `making-${randomBytes(6).toString('hex')}`);
    await mkdir(path.join(making, USERS), { recursive: true, mode: 0o700 });
    try {
      await this.#mirror.write(commit, placeOf(making), use);
      const numbers = (await this.#names()).flatMap((name) =>
        name.startsWith(`${commit}.`) ? [Number(name.slice(commit.length + 1))] : [],
      );
      const directory = path.join(this.#directory, `${commit}.${Math.max(0, ...numbers) + 1}`);
      await rename(making, directory);
      return directory;
    } catch (error) {
      await rm(making, { recursive: true, force: true, maxRetries: 3 });
      throw error;
    }
  }

  async #used(directory: string, changed: readonly string[]): Promise<Checkout> {
    const owner = (await processIdentity()) ?? `${process.pid}.0`;
    const user = path.join(directory, USERS, `${owner}.${randomBytes(4).toString('hex')}`);
    await writeFile(user, '');
    const now = new Date();
    await utimes(directory, now, now);
    return {
      path: placeOf(directory).tree,
      changed,
      [Symbol.asyncDispose]: () => rm(user, { force: true }),
    };
  }

  /** The name goes first: a removal that is cut off leaves nothing that looks whole. */
  async #remove(directory: string): Promise<void> {
    const removing = path.join(this.#directory, `removing-${randomBytes(6).toString('hex')}`);
    await rename(directory, removing);
    await rm(removing, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function isUsed(directory: string): Promise<boolean> {
  const users = await readdir(path.join(directory, USERS)).catch((): string[] => []);
  const alive = users.map((user) => isIdentityAlive(user.split('.', 2).join('.')));
  return (await Promise.all(alive)).includes(true);
}
