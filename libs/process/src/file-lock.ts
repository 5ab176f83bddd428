import { randomBytes } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf } from './errno.js';
import { parseStat } from './process-table.js';

const POLL_MS = 50;

/** A process for its whole life, `<pid>.<start>`: a pid alone is given to another process after it ended. */
export async function processIdentity(pid: number = process.pid): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const startTime = stat === undefined ? undefined : parseStat(stat)?.startTime;
  return startTime === undefined ? undefined : `${pid}.${startTime}`;
}

/** Whether the process that gave itself this identity still lives. */
export async function isIdentityAlive(identity: string): Promise<boolean> {
  return (await processIdentity(Number(identity.split('.', 1)[0]))) === identity;
}

/** Options of {@link withFileLock}. */
export interface FileLockOptions {
  /** Ends the wait. */
  readonly signal?: AbortSignal;
  /** Called once when somebody else has the lock. */
  readonly onWait?: () => void;
}

/**
 * Runs `work` while nobody else on this machine holds the lock, in this process or in another one. The lock of a
 * process that has ended is taken over, so that a killed worker blocks nobody.
 *
 * The directory holds numbered files. The highest number has the lock until its owner is dead or `<number>.done` is
 * there; the next number is made by a hard link, which only one can make. No lock is ever removed while it is the
 * highest, so that nobody can take away the lock of a living owner.
 */
export async function withFileLock<T>(
  directory: string,
  work: () => Promise<T>,
  options: FileLockOptions = {},
): Promise<T> {
  const number = await acquire(directory, options);
  try {
    return await work();
  } finally {
    await writeFile(path.join(directory, `${number}.done`), '');
  }
}

/** The same where nobody has the lock now; else undefined at once, and nothing is done. */
export async function withFreeFileLock<T>(directory: string, work: () => Promise<T>): Promise<T | undefined> {
  const stop = new AbortController();
  try {
    return await withFileLock(directory, work, { signal: stop.signal, onWait: () => stop.abort() });
  } catch (error) {
    // Whoever waits has not begun.
    if (stop.signal.aborted) return undefined;
    throw error;
  }
}

async function acquire(directory: string, { signal, onWait }: FileLockOptions): Promise<number> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const owner = (await processIdentity()) ?? `${process.pid}.0`;
  const claim = path.join(directory, `claim-${owner}-${randomBytes(6).toString('hex')}`);
  await writeFile(claim, owner, { mode: 0o600 });
  try {
    for (let hasWaited = false; ;) {
      signal?.throwIfAborted();
      // Each look depends on what the one before found.
      const next = await tryNext(directory, claim);
      if (next !== undefined) return next;
      if (!hasWaited) onWait?.();
      hasWaited = true;
      await sleep(POLL_MS, undefined, { signal });
    }
  } finally {
    await rm(claim, { force: true });
  }
}

/** The number of the lock when this claim got it. */
async function tryNext(directory: string, claim: string): Promise<number | undefined> {
  const names = await readdir(directory);
  const highest = highestOf(names);
  if (highest > 0 && !names.includes(`${highest}.done`)) {
    const owner = await readFile(path.join(directory, String(highest)), 'utf8').catch(() => undefined);
    // Gone: somebody is further on, and has tidied up.
    if (owner === undefined || (await isIdentityAlive(owner))) return undefined;
  }
  const next = highest + 1;
  try {
    await link(claim, path.join(directory, String(next)));
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined;
    throw error;
  }
  const now = await readdir(directory);
  if (highestOf(now) !== next) {
    // This process was so slow that the number had been used and tidied away meanwhile.
    await rm(path.join(directory, String(next)), { force: true });
    return undefined;
  }
  await tidy(directory, now, next);
  return next;
}

const highestOf = (names: readonly string[]): number =>
  names.reduce((highest, name) => (/^\d+$/.test(name) ? Math.max(highest, Number(name)) : highest), 0);

async function tidy(directory: string, names: readonly string[], current: number): Promise<void> {
  for (const name of names) {
    const claimant = /^claim-(.+)-\w+$/.exec(name)?.[1];
    const isOld = claimant === undefined ? Number(name.split('.', 1)[0]) < current : !(await isIdentityAlive(claimant));
    if (isOld) await rm(path.join(directory, name), { force: true });
  }
}
