import {
  CodedError,
  EVENT_RULE_QUERIES,
  eventRuleId,
  eventRuleStatusSchema,
  type EventRuleStatus,
} from '@switchyard/contracts';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';

/** What a rule knows. @throws NotFound when it is not in force */
export async function ruleStatusOf(client: Client, name: string): Promise<EventRuleStatus> {
  const handle = client.workflow.getHandle(eventRuleId(name));
  // A closed workflow still answers queries: a rule that was deleted must not look as if it were in force.
  const described = await ofRule(name, () => handle.describe());
  if (described.status.name !== 'RUNNING') throw notFound(name);
  return eventRuleStatusSchema.parse(await handle.query(EVENT_RULE_QUERIES.rule));
}

/** Does something with a rule; that there is none becomes NotFound. */
export async function ofRule<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof WorkflowNotFoundError ? notFound(name, error) : error;
  }
}

const notFound = (name: string, cause?: Error): CodedError =>
  new CodedError('NotFound', `rule "${name}" is not in force; \`switchyard rules list\` shows those that are`, {
    cause,
  });
