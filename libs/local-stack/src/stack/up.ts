import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CodedError, isFailureCode } from '@switchyard/contracts';
import { freePort, portFrom } from '../processes/ports.js';
import { obtainTools, presentTools } from '../tools/doctor.js';
import { withLock } from '../tools/install-lock.js';
import { OPTIONAL_TOOLS, type FoundTool, type ToolName } from '../tools/tool.js';
import { askSupervisor } from './control.js';
import { ensureDatabases, stackUsers, writeDatabasesFile } from './databases.js';
import { down } from './down.js';
import { makeEnvironment, stackEnvironment } from './environment.js';
import { makeFolders, postgresData, stackLayout, STACK_MARKER, type StackLayout } from './layout.js';
import { endLeftovers } from './leftovers.js';
import { readLiveState, readState, type StackState } from './state.js';
import { statusOf, type StackStatus } from './status.js';
import type { SupervisorConfig } from './supervisor.js';
import type { GatewaySpec, WorkerSpec } from './process-supervision.js';

/** Options of {@link up}. */
export interface UpOptions {
  /** The project: the stack keeps everything in `.switchyard` below it. */
  readonly root: string;
  /** The workers to run. Those that run already are left alone. */
  readonly workers: readonly WorkerSpec[];
  /** The gateway to run. Default: none. */
  readonly gateway?: GatewaySpec;
  /** Called when the servers answer and before the workers start, with the environment of the stack. Must be repeatable. */
  readonly prepare?: (environment: Readonly<Record<string, string>>) => Promise<void>;
  /** The caller's environment: ports, tool paths and settings come from it. Default: that of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Added to the environment of the workers, over everything else. */
  readonly workerEnv?: Readonly<Record<string, string>>;
  /** Tools to find or fetch. Default: all. The Temporal server is always needed. */
  readonly tools?: readonly ToolName[];
  /** One line about something that takes a while. */
  readonly progress?: (line: string) => void;
  /** Milliseconds until every worker and the gateway must be ready. Default 240000: a loaded machine is slow, not broken. */
  readonly readyTimeoutMs?: number;
}

/** A stack that is up. */
export interface UpResult {
  readonly status: StackStatus;
  /** The environment for a program that uses the stack. */
  readonly environment: Record<string, string>;
  /** Whether the stack ran before. */
  readonly joined: boolean;
  /** What a person should know, such as data that lie in an unusual place. */
  readonly notices: readonly string[];
}

/**
 * Starts the stack of a root, or joins the one that runs: servers, databases, `prepare`, workers and gateway, and waits
 * until all of them are ready. Two calls at once do it one after the other. When it fails, a stack that it started is stopped.
 */
export async function up(options: UpOptions): Promise<UpResult> {
  const layout = stackLayout(options.root);
  const progress = options.progress ?? (() => undefined);
  await makeFolders(layout);
  const onWait = (owner: number): void => progress(`process ${owner} is starting this stack; waiting for it`);
  return withLock(layout.lockFile, () => upLocked(layout, { ...options, progress }), onWait);
}

type Locked = UpOptions & { readonly progress: (line: string) => void };

async function upLocked(layout: StackLayout, options: Locked): Promise<UpResult> {
  const env = options.env ?? process.env;
  const needed = await obtainTools({
    env,
    progress: options.progress,
    ...(options.tools ? { only: withTemporal(options.tools) } : {}),
  });
  const tools = [...needed, ...(await presentTools({ env, only: OPTIONAL_TOOLS }))];
  const running = await readLiveState(layout);
  const joined = running !== undefined;
  try {
    const state = await serversOf(layout, running ?? (await start(layout, tools, options)), options);
    const { temporal, postgres } = state;
    if (temporal === null || postgres === null) throw new CodedError('Internal', 'the servers of the stack are gone');
    const users = await stackUsers(layout);
    await ensureDatabases(postgres, users);
    await writeDatabasesFile(layout, postgres, users);
    const own = { ...(await makeEnvironment({ layout, temporal, postgres, users, tools })), ...options.workerEnv };
    const environment = { ...stackEnvironment(env, own), ...options.workerEnv };
    await options.prepare?.(environment);
    const { workers, gateway = null } = options;
    await askSupervisor(state, 'POST /workers', { workers, gateway, environment, stackEnvironment: own });
    const ready = await allReady(layout, options);
    const status = await statusOf(layout.root, ready);
    if (status === null) throw new CodedError('Internal', 'the servers of the stack are gone');
    return { status, environment, joined, notices: ready.notices };
  } catch (error) {
    if (!joined) await down(options.root).catch(() => undefined);
    throw error;
  }
}

const withTemporal = (tools: readonly ToolName[]): readonly ToolName[] => [
  ...new Set<ToolName>(['temporal', ...tools]),
];

/** Cleans up after a crash and starts a supervisor. Gives its first state. */
async function start(layout: StackLayout, tools: readonly FoundTool[], options: Locked): Promise<StackState> {
  const env = options.env ?? process.env;
  const left = await endLeftovers(layout, await readState(layout));
  if (left > 0) options.progress(`ended ${left} processes that a crashed stack had left`);
  const temporal = tools.find(({ tool }) => tool === 'temporal');
  if (temporal === undefined) throw new CodedError('ToolMissing', 'the Temporal server is missing');
  const data = await postgresData(layout);
  const users = await stackUsers(layout);
  const config: SupervisorConfig = {
    root: layout.root,
    temporalBinary: temporal.path,
    ports: {
      temporal: await portFrom(env, 'SWITCHYARD_TEMPORAL_PORT'),
      ui: await portFrom(env, 'SWITCHYARD_UI_PORT'),
      postgres: await portFrom(env, 'SWITCHYARD_POSTGRES_PORT'),
    },
    gatewayPort: (await portFrom(env, 'SWITCHYARD_GATEWAY_PORT')) ?? (await freePort()),
    dataDir: data.directory,
    superuserPassword: users.superuser.password,
    notices: data.notice === null ? [] : [data.notice],
  };
  options.progress('starting Temporal and PostgreSQL');
  const pid = spawnSupervisor(layout, config, env);
  const deadline = Date.now() + 60_000;
  for (;;) {
    const state = await readState(layout);
    if (state?.supervisor.pid === pid) return state;
    if (Date.now() > deadline) {
      throw new CodedError(
        'Internal',
        `the supervisor of the stack did not start; read ${join(layout.logs, 'supervisor.log')}`,
      );
    }
    await sleep(20);
  }
}

function spawnSupervisor(layout: StackLayout, config: SupervisorConfig, env: NodeJS.ProcessEnv): number {
  const file = openSync(join(layout.logs, 'supervisor.log'), 'a', 0o600);
  const child = spawn(process.execPath, ['--enable-source-maps', supervisorEntry()], {
    cwd: layout.root,
    env: { ...env, [STACK_MARKER]: layout.id },
    detached: true, // it outlives this process and its terminal
    stdio: ['pipe', file, file],
  });
  closeSync(file);
  child.on('error', () => undefined); // seen by the state that never comes
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(JSON.stringify(config));
  child.unref();
  return child.pid ?? -1;
}

/** The supervisor is a program of its own, so it is always the built one, also for tests that import the sources. */
function supervisorEntry(): string {
  const isSource = import.meta.url.endsWith('.ts');
  return fileURLToPath(
    new URL(isSource ? '../../dist/stack/supervisor-main.js' : './supervisor-main.js', import.meta.url),
  );
}

async function serversOf(layout: StackLayout, first: StackState, options: Locked): Promise<StackState> {
  const began = Date.now();
  for (let said = began, state: StackState | undefined = first; ; state = await readState(layout)) {
    if (state?.phase === 'running') return state;
    if (state?.phase === 'failed') {
      const { code, message } = state.failure ?? { code: 'Internal', message: 'the servers did not start' };
      throw new CodedError(isFailureCode(code) ? code : 'Internal', message);
    }
    if (state === undefined || (await readLiveState(layout)) === undefined) {
      const last = await readState(layout);
      if (last?.phase === 'failed') continue;
      throw new CodedError(
        'Internal',
        `the supervisor of the stack ended; read ${join(layout.logs, 'supervisor.log')}`,
      );
    }
    if (Date.now() - said > 2_000) {
      said = Date.now();
      options.progress(`waiting for Temporal and PostgreSQL, ${Math.round((said - began) / 1_000)} s`);
    }
    await sleep(30);
  }
}

async function allReady(layout: StackLayout, options: Locked): Promise<StackState> {
  const began = Date.now();
  const timeoutMs = options.readyTimeoutMs ?? 240_000;
  const wanted = new Set([...options.workers.map(({ name }) => name), ...(options.gateway ? ['gateway'] : [])]);
  for (let said = began; ;) {
    const state = await readLiveState(layout);
    if (state === undefined) throw new CodedError('Internal', 'the supervisor of the stack ended');
    const all = [...state.workers, ...(state.gateway ? [state.gateway] : [])];
    const late = all.filter((one) => wanted.has(one.name) && one.state !== 'running');
    if (late.length === 0) return state;
    const broken = late.find((worker) => worker.restarts >= 3);
    if (broken !== undefined || Date.now() - began > timeoutMs) {
      const worker = broken ?? late[0];
      const why = broken
        ? `ends again and again (${worker?.lastExit ?? ''})`
        : `is not ready after ${timeoutMs / 1_000} s`;
      const log = worker === undefined ? '' : await lastLines(worker.log, 8);
      throw new CodedError(
        'UpstreamFailed',
        `${worker?.name ?? 'a worker'} ${why}; its log ${worker?.log ?? ''} ends with:\n${log}`,
      );
    }
    if (Date.now() - said > 2_000) {
      said = Date.now();
      options.progress(`waiting for ${late.map(({ name }) => name).join(', ')}`);
    }
    await sleep(50);
  }
}

async function lastLines(file: string, count: number): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
