import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** One process for its whole life: a pid alone is given to another process after it ended. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it was started, as the operating system tells it: compared, never read. */
  readonly startedAt: string;
}

const isLinux = process.platform === 'linux';

/** The fields of /proc/<pid>/stat after the command name, which may itself hold spaces and brackets. */
async function statFields(pid: number): Promise<string[] | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** The identity of a running process; undefined when there is none, or only a zombie that nobody has reaped. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  if (isLinux) {
    const fields = await statFields(pid);
    const startedAt = fields?.[19];
    return startedAt === undefined || fields?.[0] === 'Z' ? undefined : { pid, startedAt };
  }
  try {
    const { stdout } = await exec('ps', ['-o', 'stat=,lstart=', '-p', String(pid)]);
    const [state, ...start] = stdout.trim().split(/\s+/);
    return state === undefined || state.startsWith('Z') ? undefined : { pid, startedAt: start.join(' ') };
  } catch {
    return undefined;
  }
}

/** Whether this very process still runs (not another one that was given its pid). */
export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  return (await identify(identity.pid))?.startedAt === identity.startedAt;
}

/**
 * Every running process whose environment has an entry that starts with `text`, such as `SWITCHYARD_STACK=4f1c`.
 * The calling process is left out. Only processes that the caller may read are seen: its own, or all for root.
 */
export async function processesWithEnvironment(text: string): Promise<readonly ProcessIdentity[]> {
  const pids = isLinux ? await pidsByProc(text) : await pidsByPs(text);
  const found = await Promise.all(pids.filter((pid) => pid !== process.pid).map((pid) => identify(pid)));
  return found.filter((identity) => identity !== undefined);
}

async function pidsByProc(text: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const matches = await Promise.all(
    pids.map(async (pid) => {
      try {
        const environment = await readFile(`/proc/${pid}/environ`, 'utf8');
        return environment.split('\0').some((entry) => entry.startsWith(text));
      } catch {
        return false; // ended meanwhile, or another user's
      }
    }),
  );
  return pids.filter((_, index) => matches[index]);
}

async function pidsByPs(text: string): Promise<number[]> {
  const { stdout } = await exec('ps', ['-axEww', '-o', 'pid=,command='], { maxBuffer: 64 * 1024 * 1024 });
  return stdout
    .split('\n')
    .filter((line) => line.includes(` ${text}`))
    .map((line) => Number.parseInt(line, 10));
}

/** Signals a process, or its whole group; true when it was there. */
export function signalProcess(pid: number, signal: NodeJS.Signals, group = false): boolean {
  try {
    process.kill(group ? -pid : pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Waits until none of them runs; false when time is up before that. */
export async function waitUntilEnded(identities: readonly ProcessIdentity[], timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const running = await Promise.all(identities.map((identity) => isRunning(identity)));
    if (!running.includes(true)) return true;
    if (Date.now() >= deadline) return false;
    await sleep(25);
  }
}

/** Options of {@link endProcesses}. */
export interface EndOptions {
  /** The first, polite signal. Default SIGTERM; a PostgreSQL server wants SIGINT, since SIGTERM waits for its clients. */
  readonly signal?: NodeJS.Signals;
  /** Milliseconds between the polite signal and SIGKILL. Default 8000. */
  readonly graceMs?: number;
}

/** Ends processes: the polite signal, the grace, SIGKILL. Resolves when none of them runs; throws if one survives that. */
export async function endProcesses(identities: readonly ProcessIdentity[], options: EndOptions = {}): Promise<void> {
  const { signal = 'SIGTERM', graceMs = 8_000 } = options;
  await signalRunning(identities, signal);
  if (await waitUntilEnded(identities, graceMs)) return;
  await signalRunning(identities, 'SIGKILL');
  if (await waitUntilEnded(identities, 5_000)) return;
  const pids = identities.map(({ pid }) => pid).join(', ');
  throw new Error(`processes ${pids} do not end after SIGKILL; they hang in the kernel (a dead disk or mount?)`);
}

async function signalRunning(identities: readonly ProcessIdentity[], signal: NodeJS.Signals): Promise<void> {
  for (const identity of identities) {
    // Asked again right before, so that no other process that was given the pid is hit.
    if (await isRunning(identity)) signalProcess(identity.pid, signal);
  }
}
