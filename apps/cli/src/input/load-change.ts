import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CodedError, type SchemaChange } from '@switchyard/contracts';
import { readChangeYaml, type ReadChange, type SpecProblem } from '@switchyard/schema-change';

/** A problem as compilers print it: `change.yaml:12:5: spec.drop: ...`. */
export function formatSpecProblem({ file, line, column, path, message }: SpecProblem): string {
  return `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`;
}

/** Reads and checks a change file. @throws NotFound when it cannot be read */
export async function readChange(file: string, cwd: string): Promise<ReadChange> {
  const text = await readFile(resolve(cwd, file), 'utf8').catch((cause: unknown) => {
    throw new CodedError(
      'NotFound',
      `change ${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  });
  return readChangeYaml(text, file);
}

/** A change that can be started, as it was written. @throws InvalidInput with every problem, each with line and column */
export async function loadChange(file: string, cwd: string): Promise<SchemaChange> {
  const { written, change, problems } = await readChange(file, cwd);
  if (problems.length > 0 || !written || !change) {
    throw new CodedError(
      'InvalidInput',
      `${file} is no change that can be run:\n${problems.map((problem) => `  ${formatSpecProblem(problem)}`).join('\n')}`,
      { details: { problems } },
    );
  }
  return written;
}
