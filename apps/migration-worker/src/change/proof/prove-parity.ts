import { setTimeout as sleep } from 'node:timers/promises';
import type { ParityProof, StreamMode } from '@switchyard/contracts';
import { passBarrier, type ChangeSession, type PassedBarrier } from '@switchyard/change-database';
import {
  differingAmong,
  differingKeys,
  openWriters as openWritersOf,
  parityOfRange,
  type Key,
  type Relation,
  type Shape,
} from '@switchyard/schema-change';
import { z } from 'zod';
import { guarded, tablesOf, type ChangeWork } from '../call.js';
import type { Guarded } from '../contract.js';
import { rangesOf } from './ranges.js';

const countRow = z.object({ rows: z.string().transform(Number), differing: z.string().transform(Number) });
const keyRow = z.object({ key: z.array(z.string()) });

/** Keys that are looked at again; with more there is no question of changes that were on their way. */
const MOST_SUSPECTS = 20_000;
/** A row that is written all the time may be seen in between again and again; not so often. */
const ROUNDS = 15;
const KEYS_SHOWN = 20;
const BARRIER_WITHIN_MS = 5 * 60_000;

/**
 * Compares every row of the old shape with the new one, in ranges of keys, by PostgreSQL itself. What differs is looked
 * at again after a barrier, until it agrees or has differed each time: between the commit of an application and the
 * stream there is a moment in which a row differs.
 */
export function proveParity(work: ChangeWork, call: Guarded & { readonly mode: StreamMode }): Promise<ParityProof> {
  return guarded(work, call, 'parity', async (session) => {
    const { shape, mode, change } = call;
    const startedAt = new Date().toISOString();
    const barrier = await pass(work, session, call);
    const openWriters = await writersEnd(work, session, { call, at: barrier.emittedAt });
    let [rows, differing] = [0, 0];
    const suspects: Key[] = [];
    const expected = Math.max(1, await estimateRows(session, call));
    for await (const { range, took } of rangesOf(session, shape)) {
      work.signal.throwIfAborted();
      const began = performance.now();
      const [counted] = await session.rows(countRow, parityOfRange(shape, mode.relation, range));
      took(performance.now() - began);
      rows += counted?.rows ?? 0;
      if (counted && counted.differing > 0) {
        const room = MOST_SUSPECTS - suspects.length;
        if (counted.differing > room) differing += counted.differing - room;
        if (room > 0) {
          const found = await session.rows(keyRow, differingKeys(shape, mode.relation, range, room));
          suspects.push(...found.map(({ key }) => key));
        }
      }
      work.progress(
        Math.min(99, (100 * rows) / expected),
        `${rows} rows compared, ${suspects.length + differing} to look at again`,
      );
    }
    const left = differing > 0 ? suspects : await lookAgain(work, session, { call, suspects });
    const proof: ParityProof = {
      relation: mode.relation,
      rows,
      differing: differing + left.length,
      openWriters,
      keys: left.slice(0, KEYS_SHOWN).map((key) => [...key]),
      barrier: barrier.lsn,
      barrierAt: barrier.emittedAt,
      startedAt,
      endedAt: new Date().toISOString(),
    };
    await work.record({
      type: proof.differing === 0 ? 'parity_proved' : 'parity_differs',
      level: proof.differing === 0 ? 'info' : 'error',
      message: `${rows} rows compared (${mode.relation}), ${proof.differing} differ`,
      data: { change: change.name, ...proof },
    });
    return proof;
  });
}

function pass(
  work: ChangeWork,
  session: ChangeSession,
  { shape, names, mode }: Guarded & { readonly mode: StreamMode },
): Promise<PassedBarrier> {
  return passBarrier(session, {
    change: shape.id,
    messagePrefix: names.messagePrefix,
    mode,
    withinMs: BARRIER_WITHIN_MS,
    signal: work.signal,
    onWait: ({ barrier, applied }) =>
      work.progress(0, `barrier at ${barrier}; the stream has applied up to ${applied ?? 'nothing'}`),
  });
}

const WRITERS_WITHIN_MS = 5_000;
const WRITERS_LOOK_MS = 50;

/**
 * Waits a moment for the transactions that wrote the tables before the barrier: what they commit during the comparison
 * would be in no proof.
 * @returns how many are still open
 */
async function writersEnd(
  work: ChangeWork,
  session: ChangeSession,
  { call, at }: { readonly call: Guarded; readonly at: string },
): Promise<number> {
  const deadline = performance.now() + WRITERS_WITHIN_MS;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const { count } = await session.run(openWritersOf(tablesOf(call.change), at));
    if (count === 0 || performance.now() > deadline) return count;
    work.progress(0, `waits for ${count} transactions that wrote before the barrier`);
    // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
    await sleep(WRITERS_LOOK_MS, undefined, { signal: work.signal });
  }
}

interface Again {
  readonly call: Guarded & { readonly mode: StreamMode };
  readonly suspects: readonly Key[];
}

/** @returns the keys that differed each time */
async function lookAgain(work: ChangeWork, session: ChangeSession, { call, suspects }: Again): Promise<readonly Key[]> {
  let left = suspects;
  for (let round = 1; round <= ROUNDS && left.length > 0; round++) {
    // oxlint-disable-next-line no-await-in-loop -- rounds follow each other
    await pass(work, session, call);
    // oxlint-disable-next-line no-await-in-loop
    left = await stillDiffering(session, call.shape, call.mode.relation, left);
    // oxlint-disable-next-line no-await-in-loop
    if (left.length > 0) await sleep(10 * round, undefined, { signal: work.signal });
  }
  return left;
}

async function stillDiffering(
  session: ChangeSession,
  shape: Shape,
  relation: Relation,
  keys: readonly Key[],
): Promise<readonly Key[]> {
  const rows = await session.rows(keyRow, differingAmong(shape, relation, keys));
  return rows.map(({ key }) => key);
}

async function estimateRows(session: ChangeSession, { shape }: Guarded): Promise<number> {
  const [row] = await session.rows(z.object({ rows: z.number() }), {
    text: `select greatest(sum(reltuples), 1)::float8 as rows from pg_class
      where oid in (select relid from pg_partition_tree(to_regclass($1)) where isleaf) or oid = to_regclass($1)`,
    values: [`"${shape.source.schema.replaceAll('"', '""')}"."${shape.source.name.replaceAll('"', '""')}"`],
  });
  return row?.rows ?? 1;
}
