import { lockNameSchema, type Runbook } from '@switchyard/contracts';
import { expressionsIn, hasTemplate } from '../template.js';
import { checkEarly } from './check-expressions.js';
import { problemAt, type RunbookProblem } from './problem.js';

/** The locks of a runbook: names that are written out, and the expressions in others. */
export function checkLocks(runbook: Runbook): readonly RunbookProblem[] {
  const problems: RunbookProblem[] = [];
  const { locks = [] } = runbook;
  for (const [i, name] of locks.entries()) {
    const { error } = hasTemplate(name) ? {} : lockNameSchema.safeParse(name);
    for (const { message } of error?.issues ?? []) problems.push(problemAt(['locks', i], `"${name}" ${message}`));
  }
  const found = expressionsIn(locks, (keys, message) => problems.push(problemAt(keys, message)), ['locks']);
  return [...problems, ...checkEarly(runbook, found)];
}
