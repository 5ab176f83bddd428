import { WORKFLOW_TYPES, parseOrThrow, runbookRunSchema, type WorkflowType } from '@switchyard/contracts';
import { resolveInputs } from '@switchyard/runbook';

/**
 * Checks the input of a workflow where it is given, so that a mistake is told at once and starts nothing: what has once
 * been sent to Temporal stays in the history, a secret that was given in place of its name too. The worker checks again.
 * @throws CodedError InvalidInput with every problem
 */
export function checkInput(type: WorkflowType, input: unknown): void {
  parseOrThrow(WORKFLOW_TYPES[type].input, input, `${type} input`);
  if (type !== 'RunbookWorkflow') return;
  const { runbook, inputs } = runbookRunSchema.parse(input);
  resolveInputs(runbook, inputs);
}
