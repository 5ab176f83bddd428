import { CodedError, type LockActivities, type LockHolder } from '@switchyard/contracts';
import type { Db } from '../sql.js';
import { acquireLocks, type AcquireOptions } from './acquire.js';
import { showHolders } from './lock.js';
import { releaseLocks } from './release.js';

/** The activities by which runs take locks that people name. `isRunOpen`: as for {@link acquireLocks}. */
export function createLockActivities(
  db: Db,
  { isRunOpen }: Required<Pick<AcquireOptions, 'isRunOpen'>>,
): LockActivities {
  return {
    async takeLocks({ ref, names, reason, above, seen }) {
      const result = await acquireLocks(db, { names, owner: ref, reason, above, isRunOpen });
      if (result.isAcquired) return { isTaken: true };
      const holders = result.blockedBy;
      if (seen === null || !areSame(holders, seen)) return { isTaken: false, holders };
      throw new CodedError('LockUnavailable', showHolders(holders), {
        retryable: true,
        isExpected: true,
        details: { names, holders },
      });
    },
    async returnLocks({ ref, names }) {
      await releaseLocks(db, { owner: ref, names });
    },
  };
}

const areSame = (holders: readonly LockHolder[], seen: readonly LockHolder[]): boolean =>
  keyOf(holders) === keyOf(seen);

const keyOf = (holders: readonly LockHolder[]): string =>
  JSON.stringify(holders.map(({ name, executionId }) => [name, executionId]));
