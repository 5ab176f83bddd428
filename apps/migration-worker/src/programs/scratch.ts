import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const NAME = /^call-(\d+)-/;

/** Makes a directory of mode 700 for one call. Its name holds the worker's process id, so that the next one can tell. */
export async function makeScratch(workDirectory: string): Promise<string> {
  await mkdir(workDirectory, { recursive: true, mode: 0o700 });
  return mkdtemp(join(workDirectory, `call-${process.pid}-`));
}

/** Removes what workers that died have left; called before this worker takes its first call. Returns how many. */
export async function removeDeadScratch(workDirectory: string): Promise<number> {
  let removed = 0;
  for (const name of await readdir(workDirectory).catch(() => [])) {
    const pid = Number(NAME.exec(name)?.[1] ?? Number.NaN);
    // A directory under our own id is of an earlier process: this one has made none yet.
    if (Number.isNaN(pid) || (pid !== process.pid && isAlive(pid))) continue;
    await rm(join(workDirectory, name), { recursive: true, force: true });
    removed += 1;
  }
  return removed;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
