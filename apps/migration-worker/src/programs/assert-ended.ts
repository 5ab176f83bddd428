import { CodedError } from '@switchyard/contracts';
import type { RunResult } from '@switchyard/process';

/** Throws unless the program exited by itself: the signal's reason after a cancel, else TimedOut or what ended it. */
export function assertEnded(what: string, result: RunResult, signal: AbortSignal): void {
  if (result.ended === 'exited') return;
  signal.throwIfAborted();
  const leftovers = result.leftovers.map(({ pid, name }) => `${name} (${pid})`).join(', ');
  const rest = leftovers === '' ? '' : `; still running: ${leftovers}`;
  if (result.ended === 'timed-out')
    throw new CodedError('TimedOut', `${what}: ${result.reason ?? 'took too long'}${rest}`);
  if (result.ended === 'not-started')
    throw new CodedError('ToolMissing', `${what}: ${result.reason ?? 'could not be started'}`);
  throw new CodedError('Internal', `${what} was ${result.reason ?? 'ended'}${rest}`, {
    details: { tail: result.tail },
  });
}
