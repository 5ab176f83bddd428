import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { endWithParent } from './guard.js';
import { signalProcess } from './processes.js';

/** Options of {@link runProgram}. */
export interface RunProgramOptions {
  /** The whole environment of the program. Default: that of this process. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Run as another user; only root can. */
  readonly uid?: number;
  readonly gid?: number;
  /** Milliseconds until the program and everything that it started are killed. Default 30000. */
  readonly timeoutMs?: number;
  /** Deleted when this process is killed while the program runs. */
  readonly scratch?: string;
  /** Called with each line of standard output and error. */
  readonly onLine?: (line: string) => void;
}

/** How a program ended. */
export interface ProgramResult {
  readonly ok: boolean;
  /** One sentence for messages: `exit code 1: <last line>`. */
  readonly how: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a set-up program to its end in its own process group. Never throws: a missing program is a result as well. */
export function runProgram(
  file: string,
  args: readonly string[],
  options: RunProgramOptions = {},
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
      env: options.env ?? process.env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const lines = { stdout: [] as string[], stderr: [] as string[] };
    for (const name of ['stdout', 'stderr'] as const) {
      createInterface({ input: child[name] }).on('line', (line) => {
        lines[name].push(line);
        options.onLine?.(line);
      });
    }
    let timedOut = false;
    const timeoutMs = options.timeoutMs ?? 30_000;
    // What runs for minutes must not outlive a caller that is killed or interrupted meanwhile.
    const guard =
      child.pid === undefined || timeoutMs <= 60_000
        ? undefined
        : endWithParent(child.pid, {
            signal: 'TERM',
            group: true,
            ...(options.scratch === undefined ? {} : { removeDirectory: options.scratch }),
          });
    const timer = setTimeout(() => {
      timedOut = true;
      if (child.pid !== undefined) signalProcess(child.pid, 'SIGKILL', true);
    }, timeoutMs);
    const finish = (ok: boolean, how: string): void => {
      clearTimeout(timer);
      guard?.release();
      resolve({ ok, how, stdout: lines.stdout.join('\n'), stderr: lines.stderr.join('\n') });
    };
    child.once('error', (error) => finish(false, error.message));
    child.once('close', (code, signal) => {
      const last = [...lines.stderr, ...lines.stdout].findLast((line) => line.trim() !== '');
      const said = lines.stderr.findLast((line) => line.trim() !== '') ?? last;
      if (timedOut) return finish(false, `no end after ${Math.round(timeoutMs / 1_000)} s`);
      if (code === 0) return finish(true, 'exit code 0');
      finish(
        false,
        `${code === null ? `ended by ${String(signal)}` : `exit code ${code}`}${said === undefined ? '' : `: ${said.trim()}`}`,
      );
    });
  });
}
