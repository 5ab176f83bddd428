import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@switchyard/contracts';
import { sqlStateOf, toDatabaseError } from '@switchyard/shared-db';
import type { QueryPort } from './query-port.js';
import { slotState } from './slot-state.js';

/** Options of {@link dropSlot}. */
export interface DropSlotOptions {
  /** Milliseconds to wait until nobody uses the slot, before LockUnavailable. Default: 10 000. */
  readonly waitMs?: number;
  /** Ends the server's process that uses the slot, instead of waiting for it. Default: false. */
  readonly terminate?: boolean;
  readonly signal?: AbortSignal;
}

const LOOK_EVERY_MS = 100;

/** Drops a slot that nobody uses, so that the server keeps its log no longer. Gives false when there was none. */
export async function dropSlot(db: QueryPort, slot: string, options: DropSlotOptions = {}): Promise<boolean> {
  const { waitMs = 10_000, terminate = false, signal } = options;
  const deadline = performance.now() + waitMs;
  for (;;) {
    signal?.throwIfAborted();
    const state = await slotState(db, slot);
    if (state === undefined) return false;
    if (!state.isActive && (await tryDrop(db, slot))) return true;
    if (performance.now() >= deadline) {
      throw new CodedError(
        'LockUnavailable',
        `The slot ${slot} is still used by process ${state.activePid} of the server after ${waitMs} ms; stop its reader, or ask to end it`,
        { details: { slot, pid: state.activePid } },
      );
    }
    if (terminate) {
      // By the slot and not by the number that was read: it may belong to another session by now.
      await db.query(
        'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active_pid is not null',
        [slot],
      );
    }
    await sleep(LOOK_EVERY_MS, undefined, signal ? { signal } : {});
  }
}

/** False when somebody was faster, to use it or to drop it. */
async function tryDrop(db: QueryPort, slot: string): Promise<boolean> {
  try {
    await db.query('select pg_drop_replication_slot($1)', [slot]);
    return true;
  } catch (error) {
    const state = sqlStateOf(error);
    if (state === '55006' || state === '42704') return false;
    throw toDatabaseError(error, { action: `drop the slot ${slot}` });
  }
}
