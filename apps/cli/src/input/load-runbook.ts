import type { Runbook } from '@switchyard/contracts';
import { parseRunbookYaml, type FileProblem } from '@switchyard/runbook';
import { readGivenFile, refusedFile } from './given-file.js';

/** A runbook file with every problem found in it. */
export interface ReadRunbook {
  readonly runbook: Runbook | null;
  readonly problems: readonly FileProblem[];
}

/** Reads and checks a runbook file. @throws NotFound when it cannot be read */
export async function readRunbook(file: string, cwd: string): Promise<ReadRunbook> {
  const text = await readGivenFile('runbook', file, cwd);
  const parsed = parseRunbookYaml(text, file);
  return { runbook: parsed.runbook, problems: parsed.problems };
}

/** A runbook that can be run. @throws InvalidInput with every problem, each with line and column */
export async function loadRunbook(file: string, cwd: string): Promise<Runbook> {
  const { runbook, problems } = await readRunbook(file, cwd);
  const errors = problems.filter((problem) => problem.level === 'error');
  if (errors.length > 0 || !runbook) {
    throw refusedFile(`${file} cannot be run`, errors, problems);
  }
  return runbook;
}
