import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@switchyard/testkit';

export type WorkerName = 'migration-worker' | 'cdc-worker';

/** A worker process of its own, as it is run in production. */
export interface WorkerProcess {
  readonly name: WorkerName;
  readonly child: ChildProcess;
  /** Everything that it has logged. */
  readonly log: () => string;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** SIGKILL, and waits for the end. */
  readonly kill: () => Promise<void>;
  /** SIGTERM, and waits for the end. */
  readonly stop: () => Promise<void>;
}

/** Starts a worker and waits until it takes tasks. */
export async function startWorker(
  name: WorkerName,
  { env, cwd }: { readonly env: Readonly<Record<string, string>>; readonly cwd: string },
): Promise<WorkerProcess> {
  const main = fileURLToPath(new URL(`../../apps/${name}/dist/main.js`, import.meta.url));
  const child = spawn(process.execPath, ['--enable-source-maps', main], {
    env,
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  // Kept beside the results, because the reason of a failure is often there.
  const logs = new URL('../test-results/', import.meta.url);
  mkdirSync(logs, { recursive: true });
  const file = createWriteStream(new URL(`${name}-${child.pid}.log`, logs));
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
    stream.pipe(file, { end: false });
  }
  child.once('close', () => file.end());
  const exited = once(child, 'exit');
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await exited;
  };
  await waitFor(
    () => {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${text}`);
      return text.includes('"running"');
    },
    { what: `${name} to run` },
  ).catch(async (error: unknown) => {
    // Nobody else would end it: the caller has nothing to end it by.
    await end('SIGKILL');
    throw error;
  });
  return {
    name,
    child,
    log: () => text,
    signal: (signal) => child.kill(signal),
    kill: () => end('SIGKILL'),
    stop: async () => {
      // One that a test stopped hears nothing until it goes on.
      child.kill('SIGCONT');
      await end('SIGTERM');
    },
  };
}
