import { fieldProblems, type Runbook } from '@switchyard/contracts';
import { problemAt, type RunbookProblem } from './problem.js';

/** Declarations of inputs that contradict themselves. */
export function checkInputs(runbook: Runbook): readonly RunbookProblem[] {
  return Object.entries(runbook.inputs).flatMap(([name, input]) =>
    fieldProblems(input).map(({ keys, message }) => problemAt(['inputs', name, ...keys], message)),
  );
}
