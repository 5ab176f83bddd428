import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Where one run of a stack keeps its files on one worker. */
export interface WorkDirectory {
  /** TF_DATA_DIR of the run: providers, modules, backend settings. Kept from plan to apply on the same worker. */
  readonly dataDir: string;
  /** Files of one attempt that hold secrets (variables, plan): removed when the attempt ends. */
  readonly scratch: string;
}

const READY = 'initialised';
const OLDEST_MS = 14 * 24 * 60 * 60_000;

const executionDirectory = (workDir: string, executionId: string): string =>
  path.join(workDir, 'terraform', createHash('sha256').update(executionId).digest('hex').slice(0, 24));

/** Makes the directories of one attempt. Nobody but the worker's user may enter them. */
export async function openWorkDirectory(workDir: string, executionId: string): Promise<WorkDirectory> {
  const own = executionDirectory(workDir, executionId);
  // The pid in the name tells a later start whether the owner still lives.
  const scratch = path.join(own, `scratch-${process.pid}-${randomUUID().slice(0, 8)}`);
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  return { dataDir: path.join(own, 'data'), scratch };
}

/** Where the files of a stack from git lie, for this run alone: the tool writes beside its configuration. */
export async function sourceDirectory(workDir: string, executionId: string): Promise<string> {
  const own = executionDirectory(workDir, executionId);
  await mkdir(own, { recursive: true, mode: 0o700 });
  return path.join(own, 'source');
}

/** Removes everything that a run left on this worker. */
export async function removeWorkDirectory(workDir: string, executionId: string): Promise<void> {
  await rm(executionDirectory(workDir, executionId), { recursive: true, force: true });
}

/** Notes that init has run for a configuration, so that apply on the same worker need not run it again. */
export async function markInitialised(dataDir: string, configuration: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await writeFile(path.join(dataDir, READY), configuration, { mode: 0o600 });
}

/** Whether init has run on this worker in this run for that configuration. */
export async function isInitialised(dataDir: string, configuration: string): Promise<boolean> {
  const noted = await readFile(path.join(dataDir, READY), 'utf8').catch(() => '');
  return noted === configuration;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Removes what dead workers left: secret files of attempts whose process is gone, and data directories that nobody
 * has touched for two weeks. Called when a worker starts.
 */
export async function sweepWorkDirectories(workDir: string, now: number): Promise<void> {
  const base = path.join(workDir, 'terraform');
  for (const run of await readdir(base).catch((): string[] => [])) {
    const directory = path.join(base, run);
    for (const name of await readdir(directory).catch((): string[] => [])) {
      const pid = /^scratch-(\d+)-/.exec(name)?.[1];
      if (pid !== undefined && !isAlive(Number(pid)))
        await rm(path.join(directory, name), { recursive: true, force: true });
    }
    const changed = await stat(directory).catch(() => undefined);
    if (changed?.isDirectory() && now - changed.mtimeMs > OLDEST_MS)
      await rm(directory, { recursive: true, force: true });
  }
}
