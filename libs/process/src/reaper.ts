import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { EndingPlan } from './ending.js';
import type { ReaperMessage } from './reaper-message.js';

/** Ends the programs of a worker that died: a small process beside the worker, connected by a pipe. */
export interface Reaper {
  /** Resolves when the reaper will end this marker's processes if the worker dies from now on. */
  watch(marker: string, plan: EndingPlan): Promise<void>;
  /** The program has ended and left nothing. */
  unwatch(marker: string): Promise<void>;
  /** Ends the reaper. What is still watched is ended by it first. */
  close(): Promise<void>;
  /** Process id of the reaper, for tests and `status`. */
  readonly pid: number | undefined;
}

/** Options of {@link startReaper}. */
export interface ReaperOptions {
  /** Where the code of the reaper lies. Default: beside this module. */
  readonly entry?: URL;
}

const MOST_TRIES = 5;
const QUICK_DEATH_MS = 1_000;

/**
 * Starts the reaper. It learns of the worker's death by the end of its pipe, which the kernel closes however the
 * worker ends; a program that is being started at that moment holds a copy of the pipe until its environment carries
 * the marker, so none slips through. It lives in a session of its own and ignores the signals that end a worker.
 * A reaper that dies is replaced and told again what to watch.
 */
export function startReaper({ entry = new URL('./reaper-main.js', import.meta.url) }: ReaperOptions = {}): Reaper {
  const watched = new Map<string, EndingPlan>();
  let isClosed = false;
  let sidecar = launch(entry);

  /** Replaces a reaper that died. One that cannot live at all is tried again ever more slowly. */
  const supervise = ({ child }: Sidecar, quickDeaths: number): void => {
    const startedAt = performance.now();
    child.once('exit', () => {
      if (isClosed) return;
      const deaths = performance.now() - startedAt < QUICK_DEATH_MS ? quickDeaths + 1 : 0;
      const delay = deaths === 0 ? 0 : Math.min(50 * 2 ** deaths, 10_000);
      setTimeout(() => {
        if (isClosed) return;
        sidecar = launch(entry);
        supervise(sidecar, deaths);
        for (const [watch, plan] of watched) void send(sidecar, { watch, plan });
      }, delay).unref();
    });
  };

  supervise(sidecar, 0);
  return {
    async watch(marker, plan) {
      if (isClosed) throw new Error('the reaper is closed: no program may be started any more');
      // From here on a replacement is told of it, too.
      watched.set(marker, plan);
      for (let attempt = 1; attempt <= MOST_TRIES; attempt++) {
        const current = sidecar;
        if ((await current.isReady) && (await send(current, { watch: marker, plan }))) return;
        await sleep(100 * attempt);
      }
      watched.delete(marker);
      throw new Error('the reaper does not start, so programs would outlive a worker that dies');
    },
    async unwatch(marker) {
      watched.delete(marker);
      await send(sidecar, { unwatch: marker });
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      const { child } = sidecar;
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      child.ref();
      const exited = once(child, 'exit');
      child.stdin?.end();
      await exited;
    },
    get pid() {
      return sidecar.child.pid;
    },
  };
}

interface Sidecar {
  readonly child: ChildProcess;
  /** Whether it came up, as its first output tells. */
  readonly isReady: Promise<boolean>;
}

function launch(entry: URL): Sidecar {
  const child = spawn(process.execPath, [fileURLToPath(entry)], {
    // It needs nothing from the environment, and must not carry a run marker itself.
    env: {},
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const isReady = new Promise<boolean>((resolve) => {
    child.stdout?.once('data', () => resolve(true));
    child.once('exit', () => resolve(false));
    child.once('error', () => resolve(false));
  });
  // A write to a reaper that died fails; `send` sees that by its callback.
  child.stdin?.on('error', () => undefined);
  // The worker may end while the reaper runs: that is what it is for. Until it is up, it is waited for.
  child.stdout?.once('data', () => {
    child.unref();
    for (const stream of [child.stdin, child.stdout]) {
      if (stream && 'unref' in stream && typeof stream.unref === 'function') stream.unref();
    }
  });
  return { child, isReady };
}

function send({ child }: Sidecar, message: ReaperMessage): Promise<boolean> {
  return new Promise((resolve) => {
    if (!child.stdin?.writable) {
      resolve(false);
      return;
    }
    // The callback comes when the kernel has the bytes: they reach the reaper even if this process dies now.
    child.stdin.write(`${JSON.stringify(message)}\n`, (error) => resolve(!error));
  });
}
