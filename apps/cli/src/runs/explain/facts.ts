import type { ListedLock } from '@switchyard/store';
import type { RunStatus, StoredEvent } from '@switchyard/contracts';
import type { FailureFacts } from '../history/failure-facts.js';
import type { ChildInHistory, ReadHistory } from '../history/read-history.js';

/** An activity that is under way or waits for its next attempt. */
export interface PendingActivity {
  readonly type: string;
  /** From 1. */
  readonly attempt: number;
  /** Whether a worker has it now; otherwise it waits for one, or for its next attempt. */
  readonly isRunning: boolean;
  readonly lastFailure: FailureFacts | null;
  /** When the next attempt may begin, ISO 8601; null when it is not waiting for that. */
  readonly nextAt: string | null;
}

/** All that is known of one execution and of those of its children that its explanation needs. */
export interface WorkflowFacts extends Omit<ReadHistory, 'children'> {
  readonly workflowId: string;
  readonly children: readonly ChildFacts[];
  /** What the store has of it: how its steps went, warnings and errors, in order. */
  readonly events: readonly StoredEvent[];
  /** What it says of itself; asked only while it runs, null when nobody answers. */
  readonly status: RunStatus | null;
  readonly pending: readonly PendingActivity[];
  /** Since when a task of it has been waiting for a worker, ISO 8601; null when none does. */
  readonly untakenSince: string | null;
}

/** A child, and what is known of it beyond the history of its parent; null where nobody looked. */
export interface ChildFacts extends ChildInHistory {
  readonly facts: WorkflowFacts | null;
}

/** A run with everything that explains it. */
export interface RunFacts {
  readonly run: WorkflowFacts;
  /** Locks of the store that are held now; only for a run that waits. */
  readonly locks: readonly ListedLock[];
  /** What could not be looked at, in sentences for people. */
  readonly missing: readonly string[];
}

/** The workflow of the chunks of a forEach: it ends well also when items failed, so it is always looked into. */
const ITEMS_WORKFLOW = 'RunbookItemsWorkflow';

/** Children that are looked into per workflow: enough for the newest failures, few enough for a fan-out of thousands. */
const MOST_CHILDREN = 20;

/** Whether a child undid a step: what it failed with is told with the compensation, not as the cause. */
export const isUndo = (parentId: string, childId: string): boolean =>
  childId.startsWith(`${parentId}/`) && childId.slice(parentId.length).split('/')[2] === 'undo';

/** The children that an explanation may need, newest first: what failed, chunks of items, and while it runs what still runs. */
export function childrenToLookAt(workflowId: string, history: ReadHistory): ChildInHistory[] {
  const isRunning = history.state === 'running';
  return history.children
    .filter((child) => !isUndo(workflowId, child.workflowId) || isRunning)
    .filter((child) =>
      isRunning ? child.state === 'running' : child.type === ITEMS_WORKFLOW || child.state !== 'completed',
    )
    .toSorted((a, b) => (b.endedAt ?? '').localeCompare(a.endedAt ?? ''))
    .slice(0, MOST_CHILDREN);
}
