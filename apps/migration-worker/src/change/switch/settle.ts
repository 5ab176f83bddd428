import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@switchyard/contracts';
import { flipMoment, transactionsOlderThan } from '@switchyard/schema-change';
import { z } from 'zod';
import type { ChangeWork } from '../call.js';
import type { ChangeCall } from '../contract.js';

const olderRow = z.object({
  id: z.string(),
  kind: z.string(),
  application: z.string(),
  state: z.string().nullable(),
  seconds: z.number(),
});

const LOOK_EVERY_MS = 200;

/**
 * Waits until every transaction that began before now is over, prepared ones too: it may still do what an older flag
 * told it. Names those that it waits for.
 */
export function settle(work: ChangeWork, { change }: ChangeCall): Promise<void> {
  return work.open('settle', async (session) => {
    const [flip] = await session.rows(z.object({ at: z.string() }), flipMoment());
    if (!flip) throw new Error('the server did not tell the time');
    const deadline = performance.now() + change.switch.acknowledgeWithin;
    let told = '';
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      const older = await session.rows(olderRow, transactionsOlderThan(flip.at));
      if (older.length === 0) return;
      const words = older
        .slice(0, 5)
        .map(
          ({ id, kind, application, seconds }) =>
            `${kind === 'prepared' ? 'prepared transaction' : 'pid'} ${id} (${application || 'no name'}, ${seconds.toFixed(0)} s)`,
        );
      work.progress(0, `waiting for transactions older than the flip: ${words.join(', ')}`);
      const ids = older.map(({ id }) => id).join();
      if (ids !== told) {
        told = ids;
        // oxlint-disable-next-line no-await-in-loop -- once for each set of them
        await work.record({
          type: 'settling',
          message: `waits for transactions older than the flip: ${words.join(', ')}`,
        });
      }
      if (performance.now() > deadline) {
        throw new CodedError(
          'GateFailed',
          `transactions older than the flip are still open: ${words.join(', ')}. End them, then retry`,
          {
            details: { older },
          },
        );
      }
      // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
      await sleep(LOOK_EVERY_MS, undefined, { signal: work.signal });
    }
  });
}
