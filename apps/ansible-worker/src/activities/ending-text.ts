import type { Leftover, RunResult } from '@switchyard/process';
import type { Tally } from '../verdict/tally.js';

/** Whether a process is really over, in words. */
export function leftText(leftovers: readonly Leftover[]): string {
  if (leftovers.length === 0) return 'nothing left running';
  return `still running: ${leftovers.map(({ pid, name }) => `${name} (pid ${pid})`).join(', ')}`;
}

/** What a person wants to know after a cancel: is it over, here and there. */
export function cancelText(end: RunResult, tally: Tally): string {
  const hosts = [...tally.inFlight].slice(0, 5).map(([host, task]) => `${host} (${task})`);
  const more = tally.inFlight.size > 5 ? ` and ${tally.inFlight.size - 5} more` : '';
  // The end of a local ssh does not end what it started on the other side.
  const remote =
    hosts.length === 0 ? '' : `; work that was started on a remote host may go on there: ${hosts.join(', ')}${more}`;
  return `cancelled; ${leftText(end.leftovers)}${remote}`;
}
