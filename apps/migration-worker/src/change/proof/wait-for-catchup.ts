import { setTimeout as sleep } from 'node:timers/promises';
import type { StreamMode } from '@switchyard/contracts';
import { passBarrier } from '@switchyard/change-database';
import { guarded, type ChangeWork } from '../call.js';
import type { Caughtup, Guarded } from '../contract.js';

const LONGEST_PAUSE_MS = 2_000;
const SHORTEST_PAUSE_MS = 200;
/** A barrier that is this late is not waited for any longer: another one is sent, and the time begins anew. */
const GIVE_UP_SECONDS = 30;

/**
 * Sends one barrier after the other until each was passed within `maxLagSeconds` for `minStableSeconds`. Lag would say
 * nothing of a stream that stands still; a barrier does.
 */
export function waitForCatchup(
  work: ChangeWork,
  call: Guarded & { readonly mode: StreamMode; readonly maxLagSeconds: number; readonly minStableSeconds: number },
): Promise<Caughtup> {
  const { shape, names, mode, maxLagSeconds, minStableSeconds } = call;
  return guarded(work, call, 'catch-up', async (session) => {
    const withinMs = 1000 * Math.max(maxLagSeconds, GIVE_UP_SECONDS);
    let stableSince: number | undefined;
    for (;;) {
      const sentAt = Date.now();
      // oxlint-disable-next-line no-await-in-loop -- barriers follow each other
      const passed = await passBarrier(session, {
        change: shape.id,
        messagePrefix: names.messagePrefix,
        mode,
        withinMs,
        signal: work.signal,
      }).catch((error: unknown) => {
        if ((error as { code?: unknown }).code === 'GateFailed') return undefined;
        throw error;
      });
      if (!passed || passed.waitedMs > 1000 * maxLagSeconds) {
        stableSince = undefined;
        work.progress(
          0,
          passed
            ? `the last barrier took ${(passed.waitedMs / 1000).toFixed(1)} s`
            : 'the stream does not pass the barrier',
        );
      } else {
        stableSince ??= sentAt;
        const seconds = (Date.now() - stableSince) / 1000;
        if (seconds >= minStableSeconds)
          return { stableSince: new Date(stableSince).toISOString(), barrier: passed.lsn };
        work.progress(
          (100 * seconds) / Math.max(1, minStableSeconds),
          `stable for ${Math.floor(seconds)} of ${minStableSeconds} s; last barrier ${passed.waitedMs.toFixed(0)} ms`,
        );
      }
      const pause = Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, minStableSeconds * 20));
      // oxlint-disable-next-line no-await-in-loop -- the pause between two barriers
      await sleep(pause, undefined, { signal: work.signal });
    }
  });
}
