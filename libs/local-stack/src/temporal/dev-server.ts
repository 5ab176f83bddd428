import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@switchyard/contracts';
import { freePort } from '../processes/ports.js';
import { endProcesses, identify, type ProcessIdentity } from '../processes/processes.js';
import { runProgram } from '../processes/run-program.js';

/** Search attributes that every Switchyard workflow sets; the server refuses workflows when they are not registered. */
export const SEARCH_ATTRIBUTES = [
  'SwitchyardKind',
  'SwitchyardTarget',
  'SwitchyardPhase',
  'SwitchyardWaiting',
] as const;

/** Options of {@link startDevServer}. */
export interface DevServerOptions {
  /** The `temporal` executable. */
  readonly binary: string;
  /** File that keeps workflows over a restart. Default: kept in memory only. */
  readonly dbFile?: string;
  /** gRPC port. Default: a free one. */
  readonly port?: number;
  /** Port of the web page; `false` for none. Default: a free one. */
  readonly uiPort?: number | false;
  /** File for what the server prints. */
  readonly logFile: string;
  /** Settings of the server that are no flags, by their names in its dynamic configuration. */
  readonly dynamicConfig?: Readonly<Record<string, string | number | boolean>>;
  /** Added to the environment of the server, such as a marker. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds until the server must answer. Default 60000: two servers that start beside busy workers want most of it. */
  readonly timeoutMs?: number;
}

/** A running server. */
export interface DevServer {
  readonly address: string;
  readonly namespace: string;
  readonly port: number;
  readonly uiUrl: string | null;
  readonly uiPort: number | false;
  readonly identity: ProcessIdentity;
  /** SIGTERM, then SIGKILL; resolves when it has ended. The server itself takes up to 5 s. */
  readonly stop: () => Promise<void>;
}

/** Starts `temporal server start-dev` on loopback and waits until it answers with its search attributes registered. */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const attempts = options.port === undefined || options.uiPort === undefined ? 3 : 1; // a free port may be taken between the question and the bind
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (attempt >= attempts) throw error;
    }
  }
}

async function startOnce(options: DevServerOptions): Promise<DevServer> {
  const port = options.port ?? (await freePort());
  const uiPort = options.uiPort ?? (await freePort());
  const address = `127.0.0.1:${port}`;
  const log = openSync(options.logFile, 'a', 0o600);
  const child = spawn(options.binary, serverArguments({ ...options, port, uiPort }), {
    env: { ...withoutTemporalSettings(process.env), ...options.env },
    detached: true, // a Ctrl-C for the caller is not one for the server
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  let ended: string | undefined;
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, signal) => (ended = `it ended with ${String(code ?? signal)}`));
  child.unref();

  const deadline = Date.now() + (options.timeoutMs ?? 60_000);
  for (;;) {
    if (ended === undefined && (await answers(options.binary, address)) && ended === undefined) break;
    if (ended !== undefined || Date.now() > deadline) {
      if (child.pid !== undefined) child.kill('SIGKILL');
      throw new CodedError(
        'UpstreamFailed',
        `the Temporal server did not start on ${address}: ${ended ?? 'no answer in time'}; read ${options.logFile}`,
      );
    }
    await sleep(50);
  }
  const identity = child.pid === undefined ? undefined : await identify(child.pid);
  if (identity === undefined)
    throw new CodedError('UpstreamFailed', `the Temporal server ended; read ${options.logFile}`);
  return {
    address,
    namespace: 'default',
    port,
    uiUrl: uiPort === false ? null : `http://127.0.0.1:${uiPort}`,
    uiPort,
    identity,
    stop: () => endProcesses([identity], { graceMs: 8_000 }),
  };
}

function serverArguments(options: DevServerOptions & { readonly port: number }): string[] {
  const { port, uiPort, dbFile, dynamicConfig = {} } = options;
  return [
    'server',
    'start-dev',
    '--ip=127.0.0.1',
    '--log-level=error',
    `--port=${port}`,
    ...(uiPort === false ? ['--headless'] : [`--ui-port=${uiPort}`]),
    ...(dbFile === undefined ? [] : [`--db-filename=${dbFile}`]),
    ...Object.entries(dynamicConfig).map(([name, value]) => `--dynamic-config-value=${name}=${JSON.stringify(value)}`),
    ...SEARCH_ATTRIBUTES.map((name) => `--search-attribute=${name}=Keyword`),
  ];
}

/** One question that only a ready server answers in full: the namespace exists and the attributes are registered. */
async function answers(binary: string, address: string): Promise<boolean> {
  const result = await runProgram(
    binary,
    ['operator', 'search-attribute', 'list', '--address', address, '--namespace', 'default'],
    { env: withoutTemporalSettings(process.env), timeoutMs: 5_000 },
  );
  return result.ok && SEARCH_ATTRIBUTES.every((name) => result.stdout.includes(name));
}

/** A profile or key for some far server must not reach the local one. */
function withoutTemporalSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('TEMPORAL_')));
}
