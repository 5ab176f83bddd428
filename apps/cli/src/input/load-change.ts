import type { SchemaChange } from '@switchyard/contracts';
import { readChangeYaml, type ReadChange } from '@switchyard/schema-change';
import { readGivenFile, refusedFile } from './given-file.js';

/** Reads and checks a change file. @throws NotFound when it cannot be read */
export async function readChange(file: string, cwd: string): Promise<ReadChange> {
  const text = await readGivenFile('change', file, cwd);
  return readChangeYaml(text, file);
}

/** A change that can be started, as it was written. @throws InvalidInput with every problem, each with line and column */
export async function loadChange(file: string, cwd: string): Promise<SchemaChange> {
  const { written, change, problems } = await readChange(file, cwd);
  if (problems.length > 0 || !written || !change) {
    throw refusedFile(`${file} is no change that can be run`, problems);
  }
  return written;
}
