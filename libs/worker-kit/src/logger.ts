import { destination, pino, stdSerializers, type Logger as PinoLogger } from 'pino';
import type { Logger as TemporalLogger, LogLevel, LogMetadata } from '@temporalio/common';
import type { Masker } from '@switchyard/process';

/** The logger of a worker: JSON lines on stdout, secrets masked. */
export type Log = PinoLogger;

/** Options of {@link createLog}. */
export interface LogOptions {
  /** Name of the worker; a field of every line. */
  readonly worker: string;
  readonly level: string;
  readonly masker: Masker;
}

/** Creates the logger. Lines are written at once, so that the last ones before a crash are there. */
export function createLog({ worker, level, masker }: LogOptions): Log {
  return pino(
    {
      level,
      base: { worker, pid: process.pid },
      serializers: { err: stdSerializers.err, error: stdSerializers.err },
      // The last place before the output: whatever a line was made of, a registered secret does not leave.
      hooks: { streamWrite: (line) => masker.mask(line) },
    },
    destination({ fd: 1, sync: true }),
  );
}

const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** The same logger for Temporal's runtime, worker, workflows and activities. */
export function temporalLogger(log: Log): TemporalLogger {
  const write = (level: LogLevel, message: string, meta: LogMetadata = {}): void => {
    log[LEVELS[level]](meta, message);
  };
  return {
    log: write,
    trace: (message, meta) => write('TRACE', message, meta),
    debug: (message, meta) => write('DEBUG', message, meta),
    info: (message, meta) => write('INFO', message, meta),
    warn: (message, meta) => write('WARN', message, meta),
    error: (message, meta) => write('ERROR', message, meta),
  };
}
