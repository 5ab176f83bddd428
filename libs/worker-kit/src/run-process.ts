import { CodedError } from '@switchyard/contracts';
import { createMasker, type Masker } from '@switchyard/process';
import { createClosers, type Close } from './closers.js';
import { parseEnvironment, type WorkerConfig } from './config/parse-environment.js';
import type { Variables } from './config/variable.js';
import { createLog, type Log } from './logger.js';
import { listenForStop } from './stop-signals.js';

/** Exit codes of a worker, or of another process that runs until it is asked to stop. */
export const EXIT = {
  /** It was asked to stop, and did. */
  stopped: 0,
  /** It failed: the log says why. */
  failed: 1,
  /** Its configuration is wrong: stderr says what. */
  misconfigured: 2,
} as const;

/** How a process is named and configured. */
export interface ProcessDefinition<V extends Variables> {
  readonly name: string;
  /** Variables beside those that every worker knows. */
  readonly variables?: V;
  /** SWITCHYARD_ names that the app reads by itself. */
  readonly alsoKnown?: readonly string[];
}

/** What every part of a process is given. */
export interface ProcessContext<V extends Variables = Variables> {
  /** Name of the process. */
  readonly name: string;
  /** The parsed SWITCHYARD_* variables. */
  readonly config: WorkerConfig<V>;
  /** The environment itself, for parts that parse their own names (DB_*, VAULT_*). */
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  /** Secrets registered here are hidden in logs and failures. Programs are given the same one. */
  readonly masker: Masker;
  /** Aborts when the process was asked to stop. */
  readonly stopping: AbortSignal;
  /** Registers what is open now to be closed at the end, newest first. */
  readonly onClose: (name: string, close: Close) => void;
}

/** After everything was closed nothing should keep the process alive; if something does, it is not waited for. */
const LINGER_MS = 2_000;

/**
 * Runs `serve` to its end or until it fails, closes what it opened, and sets the exit code of the process (see
 * {@link EXIT}). `serve` ends when `stopping` aborts. Never rejects. Once per process.
 */
export async function runProcess<const V extends Variables>(
  definition: ProcessDefinition<V>,
  serve: (context: ProcessContext<V>) => Promise<void>,
): Promise<void> {
  const code = await run(definition, serve);
  process.exitCode = code;
  setTimeout(() => process.exit(code), LINGER_MS).unref();
}

async function run<const V extends Variables>(
  { name, variables, alsoKnown }: ProcessDefinition<V>,
  serve: (context: ProcessContext<V>) => Promise<void>,
): Promise<number> {
  const { env } = process;
  const masker = createMasker();
  let config: WorkerConfig<V>;
  try {
    const parsed = parseEnvironment(env, variables ?? ({} as V), alsoKnown);
    for (const secret of parsed.secrets) masker.add(secret);
    ({ config } = parsed);
  } catch (error) {
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT.misconfigured;
  }
  const log = createLog({ worker: name, level: config.logLevel, masker });
  exitOnUncaught(log);
  const closers = createClosers(log);
  const signals = listenForStop(log);
  let code: number = EXIT.stopped;
  try {
    const { stopping } = signals;
    await serve({ name, config, env, log, masker, stopping, onClose: (what, close) => closers.add(what, close) });
  } catch (error) {
    code = exitCodeOf(error, signals.stopping, log);
  }
  const closeError = await closers.closeAll();
  signals.release();
  if (closeError && code === EXIT.stopped) code = EXIT.failed;
  log.info({ code }, 'ended');
  return code;
}

/** The tooling's rule: what nobody caught ends the process. The reaper then ends its programs. */
function exitOnUncaught(log: Log): void {
  process.on('uncaughtException', (error, origin) => {
    log.fatal({ err: error, origin }, 'nobody caught this error');
    process.exit(EXIT.failed);
  });
}

function exitCodeOf(error: unknown, stopping: AbortSignal, log: Log): number {
  if (stopping.aborted && (error === stopping.reason || (error instanceof Error && error.name === 'AbortError'))) {
    return EXIT.stopped;
  }
  log.fatal({ err: error }, 'failed');
  return error instanceof CodedError && error.code === 'InvalidInput' ? EXIT.misconfigured : EXIT.failed;
}
