import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@switchyard/contracts';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection } from '@temporalio/worker';
import type { Log } from './logger.js';

/** Options of {@link connect}. */
export interface ConnectOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds after which a server that does not answer is given up. */
  readonly timeoutMs: number;
  /** Gives up at once: the worker is being stopped. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** A connection to the Temporal server. */
export interface TemporalConnection {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly address: string;
}

const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 5_000;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Connects as TEMPORAL_* and the Temporal configuration file say. A server that is still starting is waited for. */
export async function connect({ env, timeoutMs, signal, log }: ConnectOptions): Promise<TemporalConnection> {
  const { connectionOptions, namespace = 'default' } = loadConfig(env);
  const address = connectionOptions.address ?? 'localhost:7233';
  const until = performance.now() + timeoutMs;
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    try {
      return { connection: await NativeConnection.connect(connectionOptions), namespace, address };
    } catch (error) {
      if (error instanceof TypeError) throw invalid(error);
      const backoff = Math.min(FIRST_DELAY_MS * 2 ** attempt, LONGEST_DELAY_MS) * (0.75 + Math.random() / 2);
      if (performance.now() + backoff > until) {
        throw new CodedError(
          'UpstreamFailed',
          `no Temporal server answered at ${address} within ${timeoutMs} ms (${messageOf(error)}); check TEMPORAL_ADDRESS`,
          { cause: error },
        );
      }
      log.warn({ address, attempt: attempt + 1, reason: messageOf(error) }, 'no Temporal server yet');
      await sleep(backoff, undefined, { signal });
    }
  }
}

function loadConfig(env: NodeJS.ProcessEnv): ReturnType<typeof loadClientConnectConfig> {
  const overrideEnvVars: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined) overrideEnvVars[name] = value;
  try {
    return loadClientConnectConfig({ overrideEnvVars });
  } catch (error) {
    throw invalid(error);
  }
}

function invalid(error: unknown): CodedError {
  return new CodedError('InvalidInput', `the TEMPORAL_* configuration is wrong: ${messageOf(error)}`, { cause: error });
}
