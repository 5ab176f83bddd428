import { parse, runbookSchema, type Runbook } from '@switchyard/contracts';
import { readYaml } from '@switchyard/yaml-file';
import { checkRunbook } from './check/check.js';
import { asError, type FileProblem } from './file-problem.js';

export interface ParsedRunbook {
  /** Null when the text is not a runbook at all; it may still have problems when it is one. */
  readonly runbook: Runbook | null;
  readonly problems: readonly FileProblem[];
}

/**
 * Reads a runbook from YAML (or JSON) and checks all of it. Never throws: every problem has its line and column.
 * The runbook may be run when no problem has the level `error`.
 */
export function parseRunbookYaml(text: string, fileName: string): ParsedRunbook {
  const read = readYaml(text, fileName);
  if (!read.ok) return { runbook: null, problems: read.problems.map(asError) };
  const parsed = parse(runbookSchema, read.value);
  if (!parsed.ok) return { runbook: null, problems: parsed.problems.map((problem) => asError(read.place(problem))) };
  return {
    runbook: parsed.value,
    problems: checkRunbook(parsed.value).map((problem) => ({ ...read.place(problem), level: problem.level })),
  };
}
