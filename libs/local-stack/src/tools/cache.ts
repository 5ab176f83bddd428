import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { withLock } from './install-lock.js';
import type { ToolContext } from './tool.js';

/** One version of a fetched tool in the cache folder. */
export interface CacheEntry {
  readonly name: string;
  readonly version: string;
}

/** Where an entry lies, or would lie. */
export function cachePath(context: ToolContext, entry: CacheEntry): string {
  return join(context.cacheDir, entry.name, entry.version);
}

/**
 * Fills a cache entry once. `fill` gets an empty folder whose path is final, since programs such as a Python venv
 * cannot be moved; the entry itself is a link that appears in one step when the folder is whole. Two processes that
 * install at once do it one after the other, and the second finds it done. Returns the path of the entry.
 */
export async function installOnce(
  context: ToolContext,
  entry: CacheEntry,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const target = cachePath(context, entry);
  const exists = (): Promise<boolean> =>
    stat(target).then(
      () => true,
      () => false,
    );
  if (await exists()) return target;
  const parent = join(context.cacheDir, entry.name);
  await mkdir(parent, { recursive: true });
  const onWait = (owner: number): void =>
    context.progress(`process ${owner} is fetching ${entry.name} ${entry.version}; waiting for it`);
  return withLock(
    `${target}.lock`,
    async () => {
      if (await exists()) return target;
      await sweep(parent, entry.version);
      const folder = join(parent, `.${entry.version}-${randomBytes(4).toString('hex')}`);
      await mkdir(folder);
      try {
        await fill(folder);
        const part = `${folder}.link`;
        await symlink(basename(folder), part);
        await rename(part, target);
      } catch (error) {
        await rm(folder, { recursive: true, force: true });
        throw error;
      }
      return target;
    },
    onWait,
  );
}

/** Removes what a killed installation of this version left. Called under the lock, so no other one is at work. */
async function sweep(parent: string, version: string): Promise<void> {
  const target = join(parent, version);
  const info = await lstat(target).catch(() => undefined);
  if (info?.isSymbolicLink()) await rm(target); // it leads nowhere, else the entry would exist
  const kept = await readlink(target).catch(() => '');
  const names = await readdir(parent);
  const stale = names.filter((name) => name.startsWith(`.${version}-`) && name !== kept);
  await Promise.all(stale.map((name) => rm(join(parent, name), { recursive: true, force: true })));
}
