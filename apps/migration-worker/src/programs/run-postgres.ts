import {
  baseEnvironment,
  createMasker,
  runProgram,
  type ProgramOptions,
  type Reaper,
  type RunResult,
} from '@switchyard/process';
import type { DatabaseConnection } from '@switchyard/shared-db';
import type { Call } from '../call.js';
import { libpqEnvironment } from '../target/program-settings.js';
import { sessionName } from '../target/session-name.js';

/** What every program of PostgreSQL needs. */
export interface PostgresCall {
  readonly call: Call;
  readonly connection: DatabaseConnection;
  readonly reaper: Reaper | undefined;
  readonly scratch: string;
  readonly timeoutMs: number;
}

type Streams = Pick<ProgramOptions, 'onStdoutBytes' | 'onLine' | 'input'>;

/** Runs pg_dump, pg_restore or psql with the connection in its environment. */
export async function runPostgres(
  command: string,
  args: readonly string[],
  options: PostgresCall,
  streams: Streams,
): Promise<RunResult> {
  const { call, connection, scratch, reaper, timeoutMs } = options;
  const connected = await libpqEnvironment({ connection, name: sessionName(call.ref), scratch });
  return runProgram({
    command,
    args,
    env: { ...baseEnvironment(), ...connected },
    marker: call.marker,
    mask: createMasker([connection.password.reveal()]),
    signal: call.signal,
    timeoutMs,
    cancel: { signals: [{ signal: 'SIGTERM', graceMs: 3_000, to: 'group' }] },
    ...(reaper ? { reaper } : {}),
    ...streams,
  });
}
