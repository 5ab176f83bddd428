import { setTimeout as sleep } from 'node:timers/promises';
import { endMarked, findMarked } from '@switchyard/process';
import { APPLY_ENDING, APPLY_SAVING_MS } from '../tool/endings.js';

const POLL_MS = 200;

/**
 * Waits for what an earlier attempt of this run left running on this machine. The reaper of a dead worker has sent its
 * tool one interrupt already, and a second one would make it exit without saving its state: so it is waited for, and
 * ended only when it takes longer than saving may take. A tool that nobody interrupted simply finishes.
 */
export async function endLeftovers(executionId: string, signal: AbortSignal): Promise<void> {
  const until = performance.now() + APPLY_SAVING_MS;
  while ((await findMarked(executionId)).length > 0) {
    if (performance.now() >= until) {
      await endMarked(executionId, APPLY_ENDING);
      return;
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}
