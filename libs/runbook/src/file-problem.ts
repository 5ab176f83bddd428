import type { FileProblem as PlacedProblem } from '@switchyard/yaml-file';

/** A problem of a runbook or rule with the place where it can be mended. With the level `error` it cannot be run. */
export interface FileProblem extends PlacedProblem {
  readonly level: 'error' | 'warning';
}

/** A problem that keeps something from being run. */
export const asError = (problem: PlacedProblem): FileProblem => ({ ...problem, level: 'error' });
