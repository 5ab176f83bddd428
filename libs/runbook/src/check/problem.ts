import { formatPath, type Problem } from '@switchyard/contracts';

/** A problem of a runbook. A `warning` does not keep it from running. */
export interface RunbookProblem extends Problem {
  readonly level: 'error' | 'warning';
}

export const problemAt = (
  keys: readonly (string | number)[],
  message: string,
  level: RunbookProblem['level'] = 'error',
): RunbookProblem => ({ path: formatPath(keys), keys, message, level });
