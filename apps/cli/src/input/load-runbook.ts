import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CodedError, type Runbook } from '@switchyard/contracts';
import { formatFileProblem, parseRunbookYaml, type FileProblem } from '@switchyard/runbook';

/** A runbook file with every problem found in it. */
export interface ReadRunbook {
  readonly runbook: Runbook | null;
  readonly problems: readonly FileProblem[];
}

/** Reads and checks a runbook file. @throws NotFound when it cannot be read */
export async function readRunbook(file: string, cwd: string): Promise<ReadRunbook> {
  const text = await readFile(resolve(cwd, file), 'utf8').catch((cause: unknown) => {
    throw new CodedError(
      'NotFound',
      `runbook ${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  });
  const parsed = parseRunbookYaml(text, file);
  return { runbook: parsed.runbook, problems: parsed.problems };
}

/** A runbook that can be run. @throws InvalidInput with every problem, each with line and column */
export async function loadRunbook(file: string, cwd: string): Promise<Runbook> {
  const { runbook, problems } = await readRunbook(file, cwd);
  const errors = problems.filter((problem) => problem.level === 'error');
  if (errors.length > 0 || !runbook) {
    throw new CodedError(
      'InvalidInput',
      `${file} cannot be run:\n${errors.map((problem) => `  ${formatFileProblem(problem)}`).join('\n')}`,
      { details: { problems } },
    );
  }
  return runbook;
}
