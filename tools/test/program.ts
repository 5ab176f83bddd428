import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** How a program ended, with all that it wrote. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Both streams, in the order in which they arrived. */
  readonly output: string;
}

/** A program that a test started; it ends with the test at the latest. */
export interface Program extends AsyncDisposable {
  readonly output: () => string;
  readonly hasEnded: () => boolean;
  readonly stop: () => void;
  readonly ended: Promise<Ended>;
}

/** Starts Node with these arguments, in this folder, with this environment and no other. */
export function startProgram(cwd: string, args: readonly string[], env: Readonly<Record<string, string>>): Program {
  const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const ended = once(child, 'close').then(([code, signal]): Ended => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    output,
  }));
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    output: () => output,
    hasEnded,
    stop: () => void child.kill('SIGTERM'),
    ended,
    [Symbol.asyncDispose]: async () => {
      if (!hasEnded()) child.kill('SIGKILL');
      await ended;
    },
  };
}
