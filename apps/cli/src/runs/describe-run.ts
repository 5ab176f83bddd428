import { CodedError } from '@switchyard/contracts';
import type { WorkflowExecutionDescription } from '@temporalio/client';
import type { Session } from '../session.js';

/** What Temporal knows of a run. @throws NotFound, naming the command that lists the known ones */
export async function describeRun(session: Session, runId: string): Promise<WorkflowExecutionDescription> {
  return session.client.workflow
    .getHandle(runId)
    .describe()
    .catch((cause: unknown) => {
      throw new CodedError(
        'NotFound',
        `there is no run "${runId}"; \`switchyard runs list\` shows those that are known`,
        { cause },
      );
    });
}
