import { randomUUID } from 'node:crypto';
import { eventRuleStatusSchema, MEMO, TASK_QUEUES, type EventRuleStatus } from '@switchyard/contracts';
import { waitFor } from '@switchyard/testkit';
import type { Client, WorkflowHandle } from '@temporalio/client';

/** A runbook that leaves a note with the host that it was started for. */
export const SCALE_OUT = {
  apiVersion: 'switchyard.dev/v1',
  kind: 'Runbook',
  metadata: { name: 'scale-out' },
  inputs: { host: { type: 'string' } },
  steps: [{ id: 'scale', uses: 'ansible', with: { playbook: '${{ inputs.host }}.yml' } }],
} as const;

/** A rule per host that fires at once, and then is quiet for an hour. */
export const ruleOf = (more: object = {}): object => ({
  apiVersion: 'switchyard.dev/v1',
  kind: 'EventRule',
  metadata: { name: 'cpu' },
  when: 'event.cpu > 90',
  groupBy: 'event.host',
  cooldown: '1h',
  runbook: SCALE_OUT,
  inputs: { host: '${{ firing.group }}' },
  ...more,
});

/** Options of {@link startRule}. */
export interface StartRule {
  readonly rule?: object;
  /** Default: none. The clock of a server that skips time runs through it at once. */
  readonly timeout?: '5 minutes';
}

/** Puts a rule in force, as ann. */
export const startRule = (client: Client, { rule = ruleOf(), timeout }: StartRule = {}): Promise<WorkflowHandle> =>
  client.workflow.start('EventRuleWorkflow', {
    taskQueue: TASK_QUEUES.coordinator,
    workflowId: `rule-${randomUUID().slice(0, 8)}`,
    args: [{ rule }],
    memo: { [MEMO.startedBy]: 'ann' },
    ...(timeout === undefined ? {} : { workflowExecutionTimeout: timeout }),
  });

export const ruleStatusOf = async (handle: WorkflowHandle): Promise<EventRuleStatus> =>
  eventRuleStatusSchema.parse(await handle.query('rule'));

/** Waits for a status of a rule. */
export const until = (
  handle: WorkflowHandle,
  what: string,
  holds: (status: EventRuleStatus) => boolean,
): Promise<EventRuleStatus> =>
  waitFor(
    async () => {
      const status = await ruleStatusOf(handle);
      return holds(status) ? status : undefined;
    },
    { timeoutMs: 60_000, what },
  );
