import type { RunRef } from './run-activities.js';

/** Who has a lock, what for, and since when (ISO 8601). */
export interface LockHolder {
  readonly name: string;
  readonly workflowId: string;
  readonly executionId: string;
  readonly reason: string;
  readonly since: string;
}

/** Which locks a run asks for. */
export interface LockRequest {
  readonly ref: RunRef;
  readonly names: readonly string[];
  /** What for, in words for people. */
  readonly reason: string;
  /** Executions above the run: what they hold counts as held by it. */
  readonly above: readonly string[];
  /** The holders that the run has heard of: it is answered when there are others. Null: answered in any case. */
  readonly seen: readonly LockHolder[] | null;
}

/**
 * Activities by which a run takes the locks that its input names. `store` implements them, `workflow-kit` calls them.
 */
export interface LockActivities {
  /**
   * Takes all of the locks or none. While the holders are those that the run has heard of it fails with LockUnavailable,
   * so that waiting costs neither history nor a slot: Temporal tries it again.
   */
  takeLocks(
    request: LockRequest,
  ): Promise<{ readonly isTaken: true } | { readonly isTaken: false; readonly holders: readonly LockHolder[] }>;
  /** Gives the locks back, or gives up waiting for them. A second call changes nothing. */
  returnLocks(input: { readonly ref: RunRef; readonly names: readonly string[] }): Promise<void>;
}
