import type { LockHolder } from '@switchyard/contracts';
import { z } from 'zod';
import { time } from '../sql.js';

/** The run that holds a lock or waits for it. `executionId` is the first Temporal run id of its workflow. */
export interface LockOwner {
  readonly workflowId: string;
  readonly executionId: string;
}

/** Who has a lock or wants it, why, and since when. */
export type LockClaim = LockHolder;

/** Who has locks, in words for the message of a failure. Nobody: they were taken and given back in between. */
export const showHolders = (holders: readonly LockClaim[]): string =>
  holders
    .map(({ name, workflowId, since, reason }) => `"${name}" is held by ${workflowId} since ${since} (${reason})`)
    .join('; ') || 'others were faster each time';

export const claimRow = z
  .object({ name: z.string(), workflow_id: z.string(), execution_id: z.string(), reason: z.string(), since: time })
  .transform((r): LockClaim => ({
    name: r.name,
    workflowId: r.workflow_id,
    executionId: r.execution_id,
    reason: r.reason,
    since: r.since,
  }));
