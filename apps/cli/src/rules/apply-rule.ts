import { eventRuleId, MEMO, WORKFLOW_QUEUES, type EventRule, type UpdateReply } from '@switchyard/contracts';
import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import { sendUpdate } from '../commands/decisions.js';

/** Puts a rule in force: a new one is started, one that is in force takes the new version and keeps what it knows. */
export async function applyRule(client: Client, rule: EventRule, identity: string): Promise<UpdateReply> {
  const { name } = rule.metadata;
  const workflowId = eventRuleId(name);
  try {
    await client.workflow.start('EventRuleWorkflow', {
      taskQueue: WORKFLOW_QUEUES.EventRuleWorkflow,
      workflowId,
      args: [{ rule }],
      memo: { [MEMO.startedBy]: identity },
    });
    return { accepted: true, message: `rule "${name}" is in force` };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return sendUpdate(client, workflowId, 'apply', { rule, by: { identity, channel: 'cli' } });
  }
}
