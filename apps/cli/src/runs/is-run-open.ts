import type { LockOwner } from '@switchyard/store';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';

/** Whether the run that owns a lock may still be at work. A run that Temporal does not know any more is closed. */
export async function isRunOpen(client: Client, { workflowId, executionId }: LockOwner): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(workflowId, executionId).describe();
    return status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
