import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { endProcesses, identify, type ProcessIdentity } from '../processes/processes.js';
import { restartDelay, SOUND_MS } from './restart-delay.js';
import type { ProcessState } from './state.js';

/** A worker that the stack runs. */
export const workerSpecSchema = z.object({
  name: z.string().regex(/^[a-z0-9-]+$/),
  taskQueue: z.string(),
  /** The script that Node runs, as an absolute path. */
  entry: z.string(),
});

export type WorkerSpec = z.output<typeof workerSpecSchema>;

/** The gateway that the stack runs. */
export const gatewaySpecSchema = workerSpecSchema.pick({ entry: true });

export type GatewaySpec = z.output<typeof gatewaySpecSchema>;

/** What the supervision of one process needs. */
export interface Supervision {
  readonly spec: Pick<WorkerSpec, 'name' | 'entry'>;
  readonly cwd: string;
  readonly logs: string;
  /** The whole environment, but for what `listen` adds at each start. */
  readonly environment: Readonly<Record<string, string>>;
  /** Gives the port on which the process answers `/ready`, and the variables that tell it so. Asked at each start. */
  readonly listen: () => Promise<{ readonly port: number; readonly env: Readonly<Record<string, string>> }>;
  /** Called after every change of the state. */
  readonly onChange: () => void;
}

/** A supervised process. */
export interface SupervisedProcess {
  readonly state: () => ProcessState;
  readonly identity: () => ProcessIdentity | undefined;
  /** Ends it for good: SIGTERM, time for its own shutdown, SIGKILL. What it started is the business of the caller. */
  readonly stop: () => Promise<void>;
}

const LOG_LIMIT = 10 * 1024 * 1024;
/** Above the forced shutdown time that the stack gives its workers. */
const STOP_GRACE_MS = 20_000;

/** Starts a process and starts it again whenever it ends, until it is stopped. */
export function superviseProcess(supervision: Supervision): SupervisedProcess {
  const { spec, onChange } = supervision;
  const log = join(supervision.logs, `${spec.name}.log`);
  let child: ChildProcess | undefined;
  let identity: ProcessIdentity | undefined;
  let state: ProcessState['state'] = 'starting';
  let lastExit: string | null = null;
  let restarts = 0;
  let failures = 0;
  let readySince: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const change = (next: ProcessState['state']): void => {
    if (state === next) return;
    state = next;
    onChange();
  };

  const start = async (): Promise<void> => {
    const { port, env } = await supervision.listen();
    if (stopped) return;
    const started = spawnProcess(supervision, log, env);
    child = started;
    started.once('error', (error) => ended(started, error.message));
    started.once('exit', (code, signal) => ended(started, code === null ? String(signal) : `exit code ${code}`));
    identity = started.pid === undefined ? undefined : await identify(started.pid);
    onChange();
    void watchReadiness(started, port);
  };

  const watchReadiness = async (started: ChildProcess, port: number): Promise<void> => {
    for (;;) {
      const ready = await isReady(port);
      if (child !== started || stopped) return;
      if (ready) readySince ??= Date.now();
      else readySince = undefined;
      change(ready ? 'running' : state === 'restarting' ? 'restarting' : 'starting');
      await new Promise((resolve) => setTimeout(resolve, ready ? 1_000 : 100));
    }
  };

  const ended = (started: ChildProcess, how: string): void => {
    if (child !== started) return;
    child = undefined;
    identity = undefined;
    lastExit = `${how} at ${new Date().toISOString()}`;
    if (stopped) return;
    failures = readySince !== undefined && Date.now() - readySince >= SOUND_MS ? 1 : failures + 1;
    readySince = undefined;
    restarts++;
    state = 'restarting';
    onChange();
    timer = setTimeout(() => {
      start().catch((error: unknown) => ended(started, String(error)));
    }, restartDelay(failures));
  };

  const stop = async (): Promise<void> => {
    stopped = true;
    clearTimeout(timer);
    const pid = child?.pid;
    const running = identity ?? (pid === undefined ? undefined : await identify(pid));
    if (running !== undefined) await endProcesses([running], { graceMs: STOP_GRACE_MS });
    change('stopped');
  };

  void start();
  return {
    state: () => ({
      name: spec.name,
      pid: child?.pid ?? null,
      state,
      restarts,
      lastExit,
      log,
    }),
    identity: () => identity,
    stop,
  };
}

function spawnProcess(
  { spec, cwd, environment }: Supervision,
  log: string,
  env: Readonly<Record<string, string>>,
): ChildProcess {
  if (existsSync(log) && statSync(log).size > LOG_LIMIT) renameSync(log, `${log}.1`);
  const file = openSync(log, 'a', 0o600);
  try {
    return spawn(process.execPath, ['--enable-source-maps', spec.entry], {
      cwd,
      env: { ...environment, ...env },
      detached: true, // a group of its own: a signal to the supervisor's group does not reach it
      stdio: ['ignore', file, file],
    });
  } finally {
    closeSync(file);
  }
}

async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
