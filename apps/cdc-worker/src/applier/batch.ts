import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, type StreamMode } from '@switchyard/contracts';
import { writeFenced, type ChangeSession } from '@switchyard/change-database';
import {
  deleteAllWithoutSource,
  halves,
  notYetVisible,
  park,
  rederive,
  unpark,
  type Claim,
  type Key,
  type Shape,
} from '@switchyard/schema-change';
import { sqlStateOf, toDatabaseError } from '@switchyard/shared-db';

/** What every batch of a stream has in common. */
export interface BatchContext {
  readonly session: ChangeSession;
  readonly shape: Shape;
  readonly claim: Claim;
  readonly mode: StreamMode;
  readonly signal: AbortSignal;
  /** Told each time that a batch had to give way to somebody. */
  readonly onRetry: (reason: string) => void;
  /** Told when a key is parked. */
  readonly onParked: (key: Key, reason: string) => void;
}

/** Keys of one transaction of ours, and what is to be noted with them. */
export interface Batch {
  readonly keys: readonly Key[];
  readonly truncated: readonly ('source' | 'target')[];
  readonly xids: readonly string[];
  /** Position that is applied with this batch; null: more of the same transactions is to come. */
  readonly position: string | null;
  /** Keys among them that are parked, and leave when they are derived after all. */
  readonly parked: readonly Key[];
}

/**
 * A lock that is not granted within this time is given up, for us: PostgreSQL looks for deadlocks after one second, and
 * then an application could be the one that is cancelled.
 */
const LOCK_TIMEOUT_MS = 400;
const STATEMENT_TIMEOUT_MS = 60_000;

/** Rows written by a batch, keys parked on the way. */
export interface BatchResult {
  readonly rows: number;
  readonly parked: number;
  /** Milliseconds from the first row lock to the end of its transaction: what a writer of such a row waits for at most. */
  readonly heldMs: number;
}

/**
 * Brings the rows of a batch to what they hold now, in one transaction; what cannot be derived is halved until the keys
 * that are to blame stand alone, and those are parked while the others go on.
 */
export async function applyBatch(context: BatchContext, batch: Batch): Promise<BatchResult> {
  try {
    return { ...(await patiently(context, () => write(context, batch))), parked: 0 };
  } catch (error) {
    const state = sqlStateOf(error);
    if (state === undefined || !isPoison(state)) throw error;
    const [only] = batch.keys;
    if (only === undefined) throw error;
    if (batch.keys.length === 1) return parkOne(context, batch, only, { state, error });
    let [rows, parked, heldMs] = [0, 0, 0];
    const parts = halves(batch.keys);
    for (const [i, keys] of parts.entries()) {
      const isLast = i === parts.length - 1;
      // oxlint-disable-next-line no-await-in-loop -- in their order: the position goes with the last one
      const part = await applyBatch(context, {
        ...batch,
        keys,
        truncated: i === 0 ? batch.truncated : [],
        position: isLast ? batch.position : null,
      });
      rows += part.rows;
      parked += part.parked;
      heldMs = Math.max(heldMs, part.heldMs);
    }
    return { rows, parked, heldMs };
  }
}

/** Runs one transaction; gives the number of rows that it wrote, and how long it held them. */
async function write(context: BatchContext, batch: Batch): Promise<Pick<BatchResult, 'rows' | 'heldMs'>> {
  const { session, shape, claim, mode } = context;
  let lockedAt = performance.now();
  const written = await fenced(context, async () => {
    await assertVisible(session, batch.xids);
    lockedAt = performance.now();
    let rows = 0;
    if (batch.truncated.length > 0) rows += await afterTruncate(context, batch.truncated);
    if (batch.keys.length > 0) {
      for (const statement of rederive(shape, { ...mode, keys: batch.keys })) {
        // oxlint-disable-next-line no-await-in-loop -- in their order, within one transaction
        rows += (await session.again(statement)).count;
      }
    }
    if (batch.parked.length > 0) await session.run(unpark(claim.change, batch.parked));
    return { rows, position: batch.position };
  });
  return { rows: written, heldMs: performance.now() - lockedAt };
}

async function fenced(
  { session, shape, claim, mode }: BatchContext,
  work: () => Promise<{ rows: number; position: string | null }>,
): Promise<number> {
  const limits = { lockTimeoutMs: LOCK_TIMEOUT_MS, statementTimeoutMs: STATEMENT_TIMEOUT_MS };
  return writeFenced(session, { shape, claim, limits }, async () => {
    const { rows, position } = await work();
    // The mode goes with the position, so that a barrier knows by which rule it was passed.
    const progress = JSON.stringify({ mode, epoch: claim.epoch });
    return { advance: { rows, progress, lsn: position }, result: rows };
  });
}

/** A commit reaches the stream before other sessions see it; a row that is read in between is the old one. */
class NotYetVisible extends Error {}

async function assertVisible(session: ChangeSession, xids: readonly string[]): Promise<void> {
  if (xids.length === 0) return;
  const { count } = await session.again(notYetVisible(xids));
  if (count > 0) throw new NotYetVisible('a transaction of the batch is not visible yet');
}

async function afterTruncate({ session, shape, mode }: BatchContext, tables: readonly string[]): Promise<number> {
  // In one row there is nothing left to mend.
  if (shape.sameRow) return 0;
  if (tables.includes('target') && mode.direction === 'reverse') {
    throw new CodedError(
      'StreamLost',
      `${shape.target.schema}.${shape.target.name} was emptied while it was the one that is written; nothing is taken from the old table for that`,
    );
  }
  return tables.includes('source') ? (await session.run(deleteAllWithoutSource(shape))).count : 0;
}

async function parkOne(
  context: BatchContext,
  batch: Batch,
  key: Key,
  { state, error }: { readonly state: string; readonly error: unknown },
): Promise<BatchResult> {
  // Names of columns and constraints, never a value of the row.
  const reason = toDatabaseError(error).message;
  await patiently(context, () =>
    fenced(context, async () => {
      await context.session.run(park(context.claim.change, { key, code: state, reason }));
      return { rows: 0, position: batch.position };
    }),
  );
  context.onParked(key, reason);
  return { rows: 0, parked: 1, heldMs: 0 };
}

/** Data that the new shape does not take, and limits of a row or an index: the same again the next time. */
function isPoison(state: string): boolean {
  return ['22', '23', 'P0', '54'].some((family) => state.startsWith(family));
}

/** lock_not_available, deadlock_detected, serialization_failure */
const GIVES_WAY = new Set(['55P03', '40P01', '40001']);
const SHORTEST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 250;

/** Runs a transaction again as long as it only met others. Ends with the stream. */
async function patiently<T>({ signal, onRetry }: BatchContext, work: () => Promise<T>): Promise<T> {
  for (let pause = SHORTEST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    signal.throwIfAborted();
    try {
      // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
      return await work();
    } catch (error) {
      const state = sqlStateOf(error);
      if (!(error instanceof NotYetVisible) && !GIVES_WAY.has(state ?? '')) throw error;
      onRetry(state ?? 'not visible yet');
    }
    // oxlint-disable-next-line no-await-in-loop -- the pause between two attempts
    await sleep(pause / 2 + (Math.random() * pause) / 2, undefined, { signal });
  }
}
