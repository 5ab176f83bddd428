import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { errorCode } from '../error-code.js';
import { identify, isRunning, type ProcessIdentity } from '../processes/processes.js';

const ownerSchema = z.object({ pid: z.number(), startedAt: z.string() });

/**
 * Runs `work` while this process alone holds the lock file. A lock whose owner has ended is taken over, so that a
 * killed process blocks nobody; `onWait` is called once when another process holds it.
 */
export async function withLock<T>(file: string, work: () => Promise<T>, onWait?: (owner: number) => void): Promise<T> {
  const release = await acquire(file, onWait);
  try {
    return await work();
  } finally {
    await release();
  }
}

async function acquire(file: string, onWait?: (owner: number) => void): Promise<() => Promise<void>> {
  await mkdir(dirname(file), { recursive: true });
  const self = await identify(process.pid);
  const token = randomBytes(6).toString('hex');
  const claim = `${file}.${token}`;
  await writeFile(claim, JSON.stringify({ ...self, token }));
  try {
    for (let waited = false; ;) {
      try {
        // A hard link appears whole and only once: nobody ever reads a half-written lock.
        await link(claim, file);
        return () => rm(file, { force: true });
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error;
      }
      const owner = await ownerOf(file);
      if (owner === 'none') continue;
      if (owner === 'ended') {
        await removeEnded(file, token);
        continue;
      }
      if (!waited) onWait?.(owner.pid);
      waited = true;
      await sleep(100);
    }
  } finally {
    await rm(claim, { force: true });
  }
}

async function ownerOf(file: string): Promise<ProcessIdentity | 'none' | 'ended'> {
  try {
    const owner = ownerSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    return (await isRunning(owner)) ? owner : 'ended';
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? 'none' : 'ended';
  }
}

/**
 * Removes the lock of a process that has ended. Of several that saw it, only the one that gets the broom removes it; it looks again first, since a live process may have taken the lock meanwhile.
 */
async function removeEnded(file: string, token: string): Promise<void> {
  const broom = `${file}.broom`;
  try {
    await writeFile(broom, token, { flag: 'wx' });
  } catch {
    // A broom whose owner was killed in these few milliseconds is old by now.
    const info = await stat(broom).catch(() => undefined);
    if (info && Date.now() - info.mtimeMs > 5_000) await rm(broom, { force: true });
    await sleep(20);
    return;
  }
  try {
    if ((await ownerOf(file)) === 'ended') await rm(file, { force: true });
  } finally {
    await rm(broom, { force: true });
  }
}
