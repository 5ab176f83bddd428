import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** A directory of one ansible-playbook process, mode 700: what it is told by file, and its temporary files. */
export interface Workspace extends AsyncDisposable {
  readonly path: string;
  /** Writes a file with mode 600 and gives its path. */
  write(name: string, content: string): Promise<string>;
}

const PARENT = 'ansible';

/** Clock ticks since boot at which a process started: with its pid it tells it from a later one with the same pid. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19];
}

/** Makes a workspace; disposing removes it. Its name says which worker it belongs to. */
export async function openWorkspace(workDir: string): Promise<Workspace> {
  const owner = `${process.pid}.${(await startTimeOf(process.pid)) ?? '0'}`;
  const directory = path.join(path.resolve(workDir), PARENT, `${owner}.${randomBytes(6).toString('hex')}`);
  await mkdir(path.dirname(directory), { recursive: true, mode: 0o700 });
  await mkdir(directory, { mode: 0o700 });
  return {
    path: directory,
    async write(name, content) {
      const file = path.join(directory, name);
      await writeFile(file, content, { mode: 0o600, flag: 'wx' });
      return file;
    },
    async [Symbol.asyncDispose]() {
      await rm(directory, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/**
 * Removes the workspaces of workers that died: a secret in a file must not outlive the run. Called at the start of a
 * worker. The directory must not be shared by machines: a worker of another machine looks dead from here.
 */
export async function removeDeadWorkspaces(workDir: string): Promise<number> {
  const parent = path.join(path.resolve(workDir), PARENT);
  const names = await readdir(parent).catch((): string[] => []);
  let removed = 0;
  for (const name of names) {
    const [pid, startTime] = name.split('.');
    // One after the other: there are few, and the disk is one.
    // oxlint-disable-next-line no-await-in-loop
    if (startTime !== undefined && (await startTimeOf(Number(pid))) === startTime) continue;
    // oxlint-disable-next-line no-await-in-loop
    await rm(path.join(parent, name), { recursive: true, force: true, maxRetries: 3 });
    removed += 1;
  }
  return removed;
}
