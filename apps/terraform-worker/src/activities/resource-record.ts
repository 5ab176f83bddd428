import type { RunRef } from '@switchyard/contracts';
import type { UiMessage } from '../tool/ui-message.js';
import type { ResourceLedger } from './deps.js';

/** What an apply did, resource by resource. */
export interface ResourceRecord {
  /** Takes a message of the tool. Does not wait: the tool must not be slowed down by the database. */
  take(message: UiMessage): void;
  /** Resolves when the ledger holds everything taken so far. Throws when it could not be written. */
  settle(): Promise<void>;
  /** `address (action)` of what was completed, in that order. */
  readonly applied: readonly string[];
  readonly failed: readonly string[];
}

interface Entry {
  readonly kind: 'start' | 'completed' | 'failed';
  readonly address: string;
  readonly action: string;
  readonly resourceId?: string;
}

const KIND: Readonly<Record<string, Entry['kind']>> = {
  apply_start: 'start',
  apply_complete: 'completed',
  apply_errored: 'failed',
};

/**
 * Writes apply_start and apply_complete to the ledger, in order, one statement under way at a time; what comes
 * meanwhile goes into the next one, so a thousand resources do not cost two thousand statements.
 */
export function createResourceRecord(ledger: ResourceLedger, ref: RunRef, attempt: number): ResourceRecord {
  const applied: string[] = [];
  const failed: string[] = [];
  let queue: Entry[] = [];
  let trouble: unknown;
  let writing = Promise.resolve();

  const write = async (): Promise<void> => {
    const batch = queue;
    queue = [];
    const starts = batch.flatMap(({ kind, ...resource }) => (kind === 'start' ? [resource] : []));
    const ends = batch.flatMap(({ kind, ...resource }) => (kind === 'start' ? [] : [{ ...resource, state: kind }]));
    // Starts first: within one batch a resource may begin and end.
    if (starts.length > 0) await ledger.start({ ref, attempt, resources: starts });
    if (ends.length > 0) await ledger.complete({ executionId: ref.executionId, attempt, results: ends });
  };

  return {
    applied,
    failed,
    take({ type, hook }) {
      const kind = KIND[type];
      const address = hook?.resource?.addr;
      if (kind === undefined || address === undefined) return;
      const action = hook?.action ?? 'unknown';
      if (kind === 'completed') applied.push(`${address} (${action})`);
      if (kind === 'failed') failed.push(`${address} (${action})`);
      queue.push({ kind, address, action, ...(hook?.id_value === undefined ? {} : { resourceId: hook.id_value }) });
      // A turn that finds the queue empty, because the one before took all, costs nothing.
      writing = writing.then(write).catch((error: unknown) => {
        trouble ??= error;
      });
    },
    async settle() {
      await writing;
      if (trouble !== undefined) throw trouble;
    },
  };
}
