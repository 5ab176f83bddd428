import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@switchyard/testkit';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** A worker process of its own, as it is run in production. */
export interface WorkerProcess {
  readonly child: ChildProcess;
  /** Everything that it has logged. */
  readonly log: () => string;
  readonly kill: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function spawnWorker(env: Readonly<Record<string, string>>, cwd: string): Promise<WorkerProcess> {
  const child = spawn(process.execPath, [MAIN], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  const exited = once(child, 'exit');
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await exited;
  };
  await waitFor(
    () => {
      if (child.exitCode !== null) throw new Error(`the worker ended with ${child.exitCode}: ${text}`);
      return text.includes('"running"');
    },
    { what: 'the worker to run', timeoutMs: 30_000 },
  );
  return { child, log: () => text, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}
