import {
  CodedError,
  formatProblems,
  runbookRunSchema,
  type RunbookResult,
  type RunbookRun,
} from '@switchyard/contracts';
import { checkRunbook, resolveInputs } from '@switchyard/runbook';
import { lockSteps, runWorkflow, withLocks } from '@switchyard/workflow-kit';
import { Conductor } from './conductor.js';
import { refusedFor } from './refused.js';
import { locksOf } from './runbook-locks.js';

/** Runs a runbook: the whole of it travels in the input, so that an edit never changes a run under way. */
export async function RunbookWorkflow(given: unknown): Promise<RunbookResult> {
  return runWorkflow({
    kind: 'runbook',
    schema: runbookRunSchema,
    given,
    what: 'RunbookWorkflow input',
    check,
    describe: ({ runbook }) => ({
      title: `Runbook ${runbook.metadata.name}`,
      target: runbook.metadata.name,
      steps: [
        ...lockSteps(runbook.locks),
        ...runbook.steps.map((step) => ({ id: step.id, title: step.title ?? step.id })),
      ],
    }),
    body: (run, { runbook, inputs: values }) => {
      const inputs = resolveInputs(runbook, values);
      return withLocks(run, locksOf(runbook, inputs, run.ref), () => new Conductor(run, runbook, inputs).conduct());
    },
  });
}

/** Refuses a runbook that cannot run before anything is started, with every problem at once. */
function check({ runbook, inputs }: RunbookRun): void {
  const problems = refusedFor(checkRunbook(runbook));
  if (problems.length) {
    throw new CodedError('InvalidInput', `runbook "${runbook.metadata.name}": ${formatProblems(problems)}`, {
      details: { problems },
    });
  }
  resolveInputs(runbook, inputs);
}
