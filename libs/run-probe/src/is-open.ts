import { WorkflowNotFoundError, type Client } from '@temporalio/client';

/** The run that owns something. `executionId` is the first Temporal run id of its workflow. */
export interface RunOwner {
  readonly workflowId: string;
  readonly executionId: string;
}

type Asked = Pick<Client, 'workflow'>;

/**
 * Whether the run of an owner may still be at work. A run that Temporal does not know any more is closed, and so is one
 * whose workflow id another run has taken. Any error of Temporal is thrown: no answer must not pass for "closed".
 */
export async function isRunOpen(client: Asked, { workflowId, executionId }: RunOwner): Promise<boolean> {
  const open = await openExecution(client, workflowId);
  return open !== undefined && (open.first === null || open.first === executionId);
}

/** Whether any run of a workflow id is open. Unknown ids and errors count as in {@link isRunOpen}. */
export async function isWorkflowOpen(client: Asked, workflowId: string): Promise<boolean> {
  return (await openExecution(client, workflowId)) !== undefined;
}

/**
 * The open execution of a workflow id, by the id of the first one of its chain; null from a server that does not tell.
 * The newest execution is asked, as the first one stays "continued as new" for good, also when the chain has ended.
 */
async function openExecution(
  client: Asked,
  workflowId: string,
): Promise<{ readonly first: string | null } | undefined> {
  try {
    const { status, raw } = await client.workflow.getHandle(workflowId).describe();
    return status.name === 'RUNNING' ? { first: raw.workflowExecutionInfo?.firstRunId || null } : undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
