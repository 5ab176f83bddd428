import { randomUUID } from 'node:crypto';
import { recordDecision } from '../decisions.js';
import { execute, rows, type Db } from '../sql.js';
import { claimRow, type LockClaim, type LockOwner } from './lock.js';

/** Options of {@link acquireLocks}. */
export interface AcquireOptions {
  /** Names such as `terraform:infra/network#default`. */
  readonly names: readonly string[];
  readonly owner: LockOwner;
  /** What for, in words for people. */
  readonly reason: string;
  /** First execution ids whose locks count as the owner's: those of the runs that it is a part of. */
  readonly above?: readonly string[];
  /**
   * Whether the run of an owner may still be at work. When it is closed, its lock is stale: it is taken away, which is
   * recorded as a decision. Without it no lock is stale. An error of it is thrown, and nothing is taken away.
   */
  readonly isRunOpen?: (owner: LockOwner) => Promise<boolean>;
}

/** What {@link acquireLocks} gave. */
export type AcquireResult =
  | { readonly isAcquired: true; readonly locks: readonly LockClaim[] }
  | { readonly isAcquired: false; readonly blockedBy: readonly LockClaim[] };

/**
 * Takes all of the locks or none, without waiting. Locks that the owner has already count as taken, so that a call whose
 * answer was lost is simply made again. When it fails, the owner is listed as waiting until it acquires or releases.
 * Names are taken in one order by everybody, so that two runs with overlapping names never wait for each other.
 */
export async function acquireLocks(db: Db, options: AcquireOptions): Promise<AcquireResult> {
  if (options.names.length === 0) return { isAcquired: true, locks: [] };
  // Each pass that does not decide has removed a stale lock or saw one vanish; the bound only guards against surprises.
  for (let pass = 0; pass < options.names.length + PASSES_FOR_RACES; pass++) {
    const result = await tryAcquire(db, options);
    if (result.isAcquired) return result;
    if (result.blockedBy.length === 0) continue;
    const removed = await removeStale(db, result.blockedBy, options.isRunOpen);
    if (removed === 0) {
      await noteWaiting(db, options);
      return result;
    }
  }
  await noteWaiting(db, options);
  return { isAcquired: false, blockedBy: [] };
}

const PASSES_FOR_RACES = 5;

/** Ends the transaction when not all locks were free, so that none is kept. */
class NotAll extends Error {
  readonly blockedBy: readonly LockClaim[];
  constructor(blockedBy: readonly LockClaim[]) {
    super('not all locks are free');
    this.blockedBy = blockedBy;
  }
}

async function tryAcquire(db: Db, { names, owner, reason, above = [] }: AcquireOptions): Promise<AcquireResult> {
  try {
    return await db.transaction(async (trx) => {
      await execute(
        trx,
        `insert into switchyard.locks (name, workflow_id, execution_id, reason)
         select name, :workflowId, :executionId, :reason
           from (select distinct name collate "C" as name from unnest(:names::text[]) as n (name)) as wanted order by name
         on conflict (name) do nothing`,
        { names, workflowId: owner.workflowId, executionId: owner.executionId, reason },
      );
      // A new statement, because only that sees what another transaction committed while the insert waited for it.
      const held = await rows(
        trx,
        claimRow,
        'select name, workflow_id, execution_id, reason, since from switchyard.locks where name = any(:names::text[]) order by name',
        { names },
      );
      const own = new Set([owner.executionId, ...above]);
      const others = held.filter((lock) => !own.has(lock.executionId));
      if (others.length > 0 || held.length < new Set(names).size) throw new NotAll(others);
      await execute(
        trx,
        'delete from switchyard.lock_waiters where execution_id = :executionId and name = any(:names::text[])',
        { executionId: owner.executionId, names },
      );
      return { isAcquired: true, locks: held } as const;
    });
  } catch (error) {
    if (error instanceof NotAll) return { isAcquired: false, blockedBy: error.blockedBy };
    throw error;
  }
}

/** Takes away the locks of runs that are closed. @returns how many */
async function removeStale(
  db: Db,
  claims: readonly LockClaim[],
  isRunOpen: AcquireOptions['isRunOpen'],
): Promise<number> {
  if (!isRunOpen) return 0;
  let removed = 0;
  for (const claim of claims) {
    if (await isRunOpen({ workflowId: claim.workflowId, executionId: claim.executionId })) continue;
    removed += await db.transaction(async (trx) => {
      // The owner stands in the where clause: another run may have got the lock since it was looked at.
      const deleted = await execute(
        trx,
        'delete from switchyard.locks where name = :name and execution_id = :executionId',
        {
          name: claim.name,
          executionId: claim.executionId,
        },
      );
      if (deleted > 0) {
        await recordDecision(trx, {
          id: randomUUID(),
          runId: claim.workflowId,
          workflowId: claim.workflowId,
          subject: `lock:${claim.name}`,
          decision: 'release-stale',
          by: 'switchyard',
          channel: 'store',
          reason: `the run that held it since ${claim.since} is closed`,
          evidence: '',
          data: { owner: { workflowId: claim.workflowId, executionId: claim.executionId }, reason: claim.reason },
          at: new Date().toISOString(),
        });
      }
      return deleted;
    });
  }
  return removed;
}

async function noteWaiting(db: Db, { names, owner, reason }: AcquireOptions): Promise<void> {
  await execute(
    db,
    `insert into switchyard.lock_waiters (name, workflow_id, execution_id, reason)
     select name, :workflowId, :executionId, :reason
       from (select distinct name collate "C" as name from unnest(:names::text[]) as n (name)) as wanted order by name
     on conflict (name, execution_id) do update set seen_at = now(), reason = excluded.reason`,
    { names, workflowId: owner.workflowId, executionId: owner.executionId, reason },
  );
}
