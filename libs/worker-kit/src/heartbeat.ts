import type { Context } from '@temporalio/activity';

/** Options of {@link heartbeatWhile}. */
export interface HeartbeatOptions {
  /**
   * What each heartbeat carries, for the next attempt's `info.heartbeatDetails`.
   * Default: what the last attempt left, so that a restart before the first checkpoint loses nothing.
   */
  readonly details?: () => unknown;
}

/** A person who cancels sees it begin within this time. */
const LONGEST_INTERVAL_MS = 1_000;

/** Milliseconds between two heartbeats: a third of the time-out, at most one second. */
export function heartbeatInterval(heartbeatTimeoutMs: number | undefined): number {
  if (!heartbeatTimeoutMs) return LONGEST_INTERVAL_MS;
  return Math.max(50, Math.min(LONGEST_INTERVAL_MS, heartbeatTimeoutMs / 3));
}

/**
 * Runs `work` with a heartbeat on a timer, whatever the work's own output is: a silent program is not a dead worker,
 * and a cancel reaches an activity only with the answer to a heartbeat (so the activity needs a heartbeatTimeout).
 *
 * `work` gets the signal of the cancel. When it rejects after that, the cancellation itself is thrown in place of its
 * error: only so the server sees a cancelled activity, or, when the worker is being shut down, one to give to another
 * worker. When it resolves, its result counts, cancelled or not: something that was done is never reported as undone.
 *
 * Takes the context as a value: in a timer or an abort listener `Context.current()` would throw.
 */
export async function heartbeatWhile<T>(
  context: Context,
  work: (signal: AbortSignal) => Promise<T>,
  options: HeartbeatOptions = {},
): Promise<T> {
  const { cancellationSignal: signal, info, log } = context;
  let hasWarned = false;
  const beat = (): void => {
    let details: unknown = info.heartbeatDetails;
    try {
      details = options.details ? options.details() : details;
    } catch (error) {
      // Without a heartbeat the activity would be taken for dead; the details of the last attempt are still true.
      if (!hasWarned) log.warn('the details of the heartbeat could not be made', { error });
      hasWarned = true;
    }
    context.heartbeat(details);
  };
  beat();
  const timer = setInterval(beat, heartbeatInterval(info.heartbeatTimeoutMs));
  try {
    signal.throwIfAborted();
    return await work(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    if (error !== signal.reason) log.debug('ended by its cancellation', { error });
    throw signal.reason;
  } finally {
    clearInterval(timer);
  }
}
