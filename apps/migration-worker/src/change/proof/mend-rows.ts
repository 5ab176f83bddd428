import { setTimeout as sleep } from 'node:timers/promises';
import type { StreamMode } from '@switchyard/contracts';
import { takeClaim, writeFenced, STREAM_WRITER, type ChangeSession } from '@switchyard/change-database';
import { batchesOf, compareKeys, differingKeys, rederive, type Claim, type Key } from '@switchyard/schema-change';
import { sqlStateOf } from '@switchyard/shared-db';
import { z } from 'zod';
import { guarded, type ChangeWork } from '../call.js';
import type { Guarded } from '../contract.js';
import { rangesOf } from './ranges.js';

const MOST_OF_A_RANGE = 50_000;
const BATCH = 500;
const LIMITS = { lockTimeoutMs: 400, statementTimeoutMs: 60_000 };
const MOST_ATTEMPTS = 50;
const GIVES_WAY = new Set(['55P03', '40P01', '40001']);

/**
 * Derives again every row for which the relation does not hold: what the backfill passed over because somebody held it,
 * or what went wrong by other ways. Beside the stream, whose row of the control table it holds meanwhile.
 */
export function mendRows(work: ChangeWork, call: Guarded & { readonly mode: StreamMode }): Promise<number> {
  return guarded(work, call, 'mend', async (session) => {
    const { shape, mode } = call;
    const { claim } = await takeClaim(session, { change: shape.id, writer: 'mend' });
    let mended = 0;
    for await (const { range, took } of rangesOf(session, shape)) {
      const startedAt = performance.now();
      const found = await session.rows(
        z.object({ key: z.array(z.string()) }),
        differingKeys(shape, mode.relation, range, MOST_OF_A_RANGE),
      );
      took(performance.now() - startedAt);
      const keys = found.map(({ key }) => key).toSorted(compareKeys);
      for (const batch of batchesOf(keys, BATCH)) mended += await mend(work, session, { call, claim, keys: batch });
      work.progress(0, `${mended} rows derived again`);
    }
    if (mended > 0)
      await work.record({ type: 'rows_mended', level: 'warning', message: `${mended} rows were derived again` });
    return mended;
  });
}

interface Mend {
  readonly call: Guarded & { readonly mode: StreamMode };
  readonly claim: Claim;
  readonly keys: readonly Key[];
}

async function mend(work: ChangeWork, session: ChangeSession, { call, claim, keys }: Mend): Promise<number> {
  const { shape, mode } = call;
  for (let attempt = 1; ; attempt++) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
      return await writeFenced(session, { shape, claim, limits: LIMITS, alsoLock: [STREAM_WRITER] }, async () => {
        let rows = 0;
        for (const statement of rederive(shape, { ...mode, keys })) {
          // oxlint-disable-next-line no-await-in-loop -- in their order
          rows += (await session.again(statement)).count;
        }
        return { advance: { rows, progress: null, lsn: null }, result: rows };
      });
    } catch (error) {
      if (!GIVES_WAY.has(sqlStateOf(error) ?? '') || attempt >= MOST_ATTEMPTS) throw error;
    }
    // oxlint-disable-next-line no-await-in-loop -- the pause between two attempts
    await sleep(20 + Math.random() * 100, undefined, { signal: work.signal });
  }
}
