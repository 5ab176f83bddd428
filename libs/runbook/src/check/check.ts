import { runbookSchema, type Runbook } from '@switchyard/contracts';
import { checkExpressions } from './check-expressions.js';
import { checkGraph } from './check-graph.js';
import { checkInputs } from './check-inputs.js';
import { checkLocks } from './check-locks.js';
import { checkSteps } from './check-steps.js';
import type { RunbookProblem } from './problem.js';

/**
 * Everything that can be known to be wrong with a runbook before it runs: order, references, expressions, inputs and the
 * `with` of each step. Never throws. A value that holds `${{ }}` fits any type; it is checked when its step starts.
 */
export function checkRunbook(runbook: Runbook): readonly RunbookProblem[] {
  return [
    ...checkInputs(runbook),
    ...checkLocks(runbook),
    ...checkGraph(runbook),
    ...checkExpressions(runbook),
    ...checkSteps(runbook, isRunbook),
  ];
}

/** A runbook within a step `runbook`: its own problems, or undefined when the value is not one at all. */
function isRunbook(value: unknown): readonly RunbookProblem[] | undefined {
  const parsed = runbookSchema.safeParse(value);
  return parsed.success ? checkRunbook(parsed.data) : undefined;
}
