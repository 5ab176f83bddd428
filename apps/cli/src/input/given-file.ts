import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { formatFileProblem } from '@switchyard/runbook';

/** The text of a file that was named on the command line. @throws NotFound when it cannot be read */
export function readGivenFile(what: string, file: string, cwd: string): Promise<string> {
  return readFile(resolve(cwd, file), 'utf8').catch((cause: unknown) => {
    throw new CodedError(
      'NotFound',
      `${what} ${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  });
}

/** A file that is refused for its problems: those of `errors` are shown, each with line and column; `problems` are all. */
export function refusedFile(
  because: string,
  errors: readonly Parameters<typeof formatFileProblem>[0][],
  problems: readonly Parameters<typeof formatFileProblem>[0][] = errors,
): CodedError {
  return new CodedError(
    'InvalidInput',
    `${because}:\n${errors.map((problem) => `  ${formatFileProblem(problem)}`).join('\n')}`,
    { details: { problems } },
  );
}
