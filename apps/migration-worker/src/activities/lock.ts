import type { RunRef } from '@switchyard/contracts';
import { acquireLocks, releaseLocks, waitForLocks } from '@switchyard/store';
import type { Call } from '../call.js';
import { resolveTarget } from '../target/resolve.js';
import type { MigrationCall } from './contract.js';
import type { Dependencies } from './dependencies.js';

/**
 * Takes the lock of the database: a rollback to a tag undoes everything after the tag, so no other run may apply
 * anything between. Waits for it only when told to, and then for as long as the caller lets it.
 */
export async function lock(
  deps: Dependencies,
  input: MigrationCall & { readonly waits: boolean },
  call: Call,
): Promise<{ readonly lock: string; readonly isAcquired: boolean }> {
  const { host, port, database } = await resolveTarget(input.target, deps);
  const name = `database:${host}:${port}/${database}`;
  const wanted = { names: [name], owner: ownerOf(call.ref), reason: 'database migration', isRunOpen: deps.isRunOpen };
  if (!input.waits) return { lock: name, isAcquired: (await acquireLocks(deps.store.db, wanted)).isAcquired };
  await waitForLocks(deps.store.db, { ...wanted, signal: call.signal });
  return { lock: name, isAcquired: true };
}

/** Gives the lock back, or gives up waiting for it; a second call changes nothing. */
export async function unlock(
  deps: Dependencies,
  input: { readonly ref: RunRef; readonly lock: string },
): Promise<void> {
  await releaseLocks(deps.store.db, { owner: ownerOf(input.ref), names: [input.lock] });
}

function ownerOf({ workflowId, executionId }: RunRef): { workflowId: string; executionId: string } {
  return { workflowId, executionId };
}
