import { rows, type Db } from '../sql.js';
import { claimRow, type LockClaim, type LockOwner } from './lock.js';

/** A lock in use. */
export interface ListedLock extends LockClaim {
  /** Who waits for it, longest first. */
  readonly waiters: readonly LockClaim[];
}

/** A waiter that has not tried for this long is not shown: its worker died, or it gave up. */
export const WAITER_FORGOTTEN_AFTER_S = 120;

/** All locks that are held, by name, with those that wait. */
export async function listLocks(db: Db): Promise<ListedLock[]> {
  const held = await rows(
    db,
    claimRow,
    'select name, workflow_id, execution_id, reason, since from switchyard.locks order by name',
  );
  const waiting = await rows(
    db,
    claimRow,
    `select name, workflow_id, execution_id, reason, since from switchyard.lock_waiters
      where seen_at > now() - make_interval(secs => ${WAITER_FORGOTTEN_AFTER_S}) order by since, execution_id`,
  );
  return held.map((lock) => ({ ...lock, waiters: waiting.filter((w) => w.name === lock.name) }));
}

/** The locks that an owner holds now; what a run asks before it changes something. */
export async function heldLocks(db: Db, options: { readonly owner: LockOwner }): Promise<LockClaim[]> {
  return rows(
    db,
    claimRow,
    'select name, workflow_id, execution_id, reason, since from switchyard.locks where execution_id = :executionId order by name',
    { executionId: options.owner.executionId },
  );
}
