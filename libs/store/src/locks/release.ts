import { randomUUID } from 'node:crypto';
import { CodedError } from '@switchyard/contracts';
import { z } from 'zod';
import { recordDecision } from '../decisions.js';
import { execute, rows, type Db } from '../sql.js';
import { claimRow, type LockClaim, type LockOwner } from './lock.js';

/** Gives locks back, all of the owner's or some, and takes it off the waiting lists. Locks of others stay. @returns the names given back */
export async function releaseLocks(
  db: Db,
  options: { readonly owner: LockOwner; readonly names?: readonly string[] },
): Promise<string[]> {
  await stopWaiting(db, options);
  const released = await rows(
    db,
    z.object({ name: z.string() }),
    `delete from switchyard.locks
      where execution_id = :executionId and (:isAll::boolean or name = any(:names::text[])) returning name`,
    { executionId: options.owner.executionId, isAll: options.names === undefined, names: options.names ?? [] },
  );
  return released.map((row) => row.name).toSorted();
}

/** Takes an owner off the waiting lists of all names or some. */
export async function stopWaiting(
  db: Db,
  options: { readonly owner: LockOwner; readonly names?: readonly string[] },
): Promise<void> {
  await execute(
    db,
    `delete from switchyard.lock_waiters
      where execution_id = :executionId and (:isAll::boolean or name = any(:names::text[]))`,
    { executionId: options.owner.executionId, isAll: options.names === undefined, names: options.names ?? [] },
  );
}

/**
 * Takes a lock from its owner, whatever that is doing, and records who did it and why. The owner is not told: it finds
 * out with `heldLocks` before it changes anything more.
 * @param options.from the owner that was looked at. Default: whoever holds it now
 * @throws CodedError NotFound when nobody (or not that owner) holds it, InvalidInput without a reason
 */
export async function forceRelease(
  db: Db,
  options: {
    readonly name: string;
    readonly by: string;
    readonly reason: string;
    readonly channel?: string;
    readonly from?: LockOwner;
  },
): Promise<LockClaim> {
  const { name, by, reason, channel = 'cli', from } = options;
  if (reason.trim() === '')
    throw new CodedError('InvalidInput', `releasing lock "${name}" needs a reason: it is kept in the audit`);
  return db.transaction(async (trx) => {
    const [taken] = await rows(
      trx,
      claimRow,
      `delete from switchyard.locks
        where name = :name and (:executionId::text is null or execution_id = :executionId)
        returning name, workflow_id, execution_id, reason, since`,
      { name, executionId: from?.executionId ?? null },
    );
    if (!taken) {
      const who = from ? `${from.workflowId} holds lock "${name}" no more` : `nobody holds lock "${name}"`;
      throw new CodedError('NotFound', `${who}: list the locks to see the names in use`);
    }
    await recordDecision(trx, {
      id: randomUUID(),
      runId: taken.workflowId,
      workflowId: taken.workflowId,
      subject: `lock:${name}`,
      decision: 'force-release',
      by,
      channel,
      reason,
      evidence: '',
      data: {
        owner: { workflowId: taken.workflowId, executionId: taken.executionId },
        reason: taken.reason,
        since: taken.since,
      },
      at: new Date().toISOString(),
    });
    return taken;
  });
}
