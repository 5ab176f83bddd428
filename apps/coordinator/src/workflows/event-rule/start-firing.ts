import { WORKFLOW_QUEUES, type EventRule } from '@switchyard/contracts';
import { firingInputs, resolveInputs, type FiringView } from '@switchyard/runbook';
import { startChildOn, type Run } from '@switchyard/workflow-kit';
import type { ChildWorkflowHandle, Workflow } from '@temporalio/workflow';

/**
 * Starts the run of one firing. It outlives the rule: what was begun is not left half-done because a rule is deleted.
 * @throws CodedError InvalidInput when the inputs cannot be made from the events, or do not fit the runbook
 */
export async function startFiring(
  run: Run,
  step: string,
  rule: EventRule,
  firing: FiringView,
): Promise<ChildWorkflowHandle<Workflow>> {
  const { runbook } = rule;
  const inputs = firingInputs(rule, firing);
  resolveInputs(runbook, inputs);
  return startChildOn('RunbookWorkflow', WORKFLOW_QUEUES.RunbookWorkflow, [{ runbook, inputs }], {
    workflowId: firingRunId(run, firing.number),
    under: { run, step },
    summary: `${rule.metadata.name}: ${firing.group}`,
    isIndependent: true,
  });
}

/** Of this life of the rule: one that was deleted and applied again counts its firings anew. */
const firingRunId = ({ ref }: Run, number: number): string =>
  `${ref.workflowId}/${ref.executionId.slice(0, 8)}-${number}`;
