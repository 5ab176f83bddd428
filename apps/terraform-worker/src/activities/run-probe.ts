import { WorkflowNotFoundError } from '@temporalio/common';
import type { Client } from '@temporalio/client';

/** Whether the run of a lock's owner may still be at work. */
export type RunProbe = (owner: { readonly workflowId: string; readonly executionId: string }) => Promise<boolean>;

/** Asks Temporal. A run that it does not know any more is closed; an error is thrown, so that no lock is taken away. */
export function createRunProbe(client: Pick<Client, 'workflow'>): RunProbe {
  return async ({ workflowId, executionId }) => {
    try {
      const { status } = await client.workflow.getHandle(workflowId, executionId).describe();
      return status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW';
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  };
}
