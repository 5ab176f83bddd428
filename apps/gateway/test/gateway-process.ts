import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@switchyard/testkit';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** A gateway in a process of its own, as in production. */
export interface GatewayProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Everything that it wrote. */
  output(): string;
  signal(signal: NodeJS.Signals): void;
  /** Asks it to stop; gives the exit code. */
  stop(): Promise<number | null>;
}

/** Options of {@link startGateway}. */
export interface GatewayOptions {
  /** The whole environment but for PATH: DB_* and SWITCHYARD_*. */
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a gateway; `ended` gives its exit code and `url` the address once it listens. */
export function spawnGateway({ env }: GatewayOptions) {
  const child = spawn(process.execPath, ['--enable-source-maps', MAIN], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return { child, ended, hasEnded, output: () => output };
}

/** Starts a gateway and waits until it listens. */
export async function startGateway(options: GatewayOptions): Promise<GatewayProcess> {
  const { child, ended, hasEnded, output } = spawnGateway(options);
  const dispose = async (): Promise<void> => {
    if (!hasEnded()) child.kill('SIGKILL');
    await ended;
  };
  try {
    const url = await waitFor(
      () => {
        const found = /"url":"(http:[^"]+)"/.exec(output())?.[1];
        return hasEnded() ? 'ended' : found;
      },
      { what: 'the gateway to listen', timeoutMs: 30_000 },
    );
    if (url === 'ended') throw new Error(`the gateway ended: ${output()}`);
    return {
      url,
      pid: child.pid ?? 0,
      output,
      signal: (signal) => void child.kill(signal),
      stop: () => {
        child.kill('SIGTERM');
        return ended;
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
