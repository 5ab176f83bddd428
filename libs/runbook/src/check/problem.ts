import { formatPath, type Problem } from '@switchyard/contracts';

/** A problem of a runbook. A `warning` does not keep it from running. */
export interface RunbookProblem extends Problem {
  readonly level: 'error' | 'warning';
  /** The name of the patch with which runs came to be refused for it: one that was under way then goes on. */
  readonly since?: string;
}

export const problemAt = (
  keys: readonly (string | number)[],
  message: string,
  level: RunbookProblem['level'] = 'error',
): RunbookProblem => ({ path: formatPath(keys), keys, message, level });

/** A problem of something that stands below these keys. */
export const problemBelow = (keys: readonly (string | number)[], problem: RunbookProblem): RunbookProblem => ({
  ...problem,
  ...problemAt([...keys, ...problem.keys], problem.message, problem.level),
});
