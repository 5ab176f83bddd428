import type { RunbookProblem } from '@switchyard/runbook';
import { patched } from '@temporalio/workflow';

/** The problems for which a run is refused. One that began when they were none goes on. */
export const refusedFor = (problems: readonly RunbookProblem[]): readonly RunbookProblem[] =>
  problems.filter(({ level, since }) => level === 'error' && (since === undefined || patched(since)));
