import { CodedError } from '@switchyard/contracts';
import { isConnected } from '../target/fence.js';
import { sessionNameIn } from '../target/session-name.js';
import type { Session } from '../target/session.js';

/** Who holds Liquibase's lock. */
export interface LockHolder {
  readonly lockedBy: string;
  readonly since: string;
}

/** The holder of the lock, or undefined when it is free. */
export async function lockHolder({ rows }: Session): Promise<LockHolder | undefined> {
  const [table] = await rows<{ found: boolean }>(
    "select to_regclass(quote_ident(current_schema()) || '.databasechangeloglock') is not null as found",
  );
  if (!table?.found) return undefined;
  const [row] = await rows<{ lockedby: string | null; since: string | null }>(
    `select lockedby, to_char(lockgranted, 'YYYY-MM-DD"T"HH24:MI:SS') as since from databasechangeloglock where id = 1 and locked`,
  );
  return row && { lockedBy: row.lockedby ?? 'nobody named', since: row.since ?? 'unknown' };
}

/**
 * Releases a lock that a dead run left: it carries the mark of a run of ours, and the server has no session of that run
 * any more, so nothing can be at work under it. A lock of anybody else is LockUnavailable with the holder.
 * @returns the holder that was removed
 */
export async function releaseDeadLock(session: Session): Promise<LockHolder | undefined> {
  const holder = await lockHolder(session);
  if (!holder) return undefined;
  const name = sessionNameIn(holder.lockedBy);
  if (name === undefined || (await isConnected(session, name))) throw heldBy(holder);
  const released = await session.rows<{ id: number }>(
    // The holder stands in the where clause: somebody else may have got the lock since.
    `update databasechangeloglock set locked = false, lockgranted = null, lockedby = null where id = 1 and lockedby = $1 returning id`,
    [holder.lockedBy],
  );
  return released.length > 0 ? holder : undefined;
}

/** The failure for a lock that somebody holds. */
export function heldBy({ lockedBy, since }: LockHolder): CodedError {
  return new CodedError(
    'LockUnavailable',
    `Liquibase's lock is held by ${lockedBy} since ${since} (time of the server); wait for it, or run \`liquibase release-locks\` if it is dead`,
    { details: { lockedBy, since }, retryable: false },
  );
}
