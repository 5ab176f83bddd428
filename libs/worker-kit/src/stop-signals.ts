import type { Log } from './logger.js';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;

/** Listens to the signals that ask a worker to stop. */
export interface StopSignals {
  /** Aborts at the first of them. */
  readonly stopping: AbortSignal;
  /** Stops listening. */
  release(): void;
}

/**
 * The first signal asks the worker to stop; a second SIGINT, from a person who does not want to wait, ends the process
 * at once (the reaper then ends its programs). A further SIGTERM changes nothing.
 */
export function listenForStop(log: Log): StopSignals {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (!controller.signal.aborted) {
      log.info({ signal }, 'asked to stop');
      controller.abort(new Error(`stopped by ${signal}`));
    } else if (signal === 'SIGINT') {
      log.warn('interrupted again: ending at once');
      process.exit(130);
    }
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    stopping: controller.signal,
    release() {
      for (const signal of SIGNALS) process.off(signal, onSignal);
    },
  };
}
