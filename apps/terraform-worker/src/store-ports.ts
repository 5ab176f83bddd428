import { CodedError } from '@switchyard/contracts';
import {
  acknowledgeDrift,
  completeResources,
  listArtifacts,
  noteDrift,
  releaseLocks,
  resourcesOf,
  startResources,
  waitForLocks,
  type EventWriter,
  type Store,
} from '@switchyard/store';
import type { WorkerDeps } from './activities/create-activities.js';

/** The store as the activities see it. */
export function storePorts(
  store: Store,
  events: EventWriter,
): Pick<WorkerDeps, 'events' | 'artifacts' | 'ledger' | 'drift' | 'locks'> {
  const { db } = store;
  return {
    events,
    artifacts: {
      put: (artifact) => store.putArtifact(artifact),
      read: (digest) => store.readArtifact({ digest }),
      async find({ runId, kind, name }) {
        const kept = await listArtifacts(db, { runId });
        return kept.findLast((artifact) => artifact.kind === kind && artifact.name === name)?.digest;
      },
    },
    ledger: {
      start: ({ ref, attempt, resources }) => startResources(db, { ...ref, attempt, resources }),
      complete: (entry) => completeResources(db, entry),
      of: (executionId) => resourcesOf(db, { executionId }),
    },
    drift: {
      note: (found) => noteDrift(db, found),
      acknowledge: (said) => acknowledgeDrift(db, said),
    },
    locks: (isRunOpen) => ({
      async acquire({ name, ref, reason, timeoutMs, signal, onBlocked }) {
        try {
          const wait = { reason, timeoutMs, signal, isRunOpen, pollMs: 500, onBlocked };
          await waitForLocks(db, { names: [name], owner: ref, ...wait });
        } catch (error) {
          // It was waited for as long as the caller wanted; another attempt would only double that.
          if (error instanceof CodedError && error.code === 'LockUnavailable') {
            throw new CodedError(error.code, error.message, { details: error.details, cause: error, retryable: false });
          }
          throw error;
        }
      },
      release: (ref) => releaseLocks(db, { owner: ref }),
    }),
  };
}
