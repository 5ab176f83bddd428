import { readFile } from 'node:fs/promises';
import { CodedError, type ChangeFileCall, type SchemaChange } from '@switchyard/contracts';
import { resolveInside } from '@switchyard/process';
import { readChangeYaml } from '@switchyard/schema-change';
import type { Dependencies } from './dependencies.js';

/** Reads and checks a change file below the project roots. PathRefused, NotFound, InvalidInput with line and column. */
export async function readChangeFile(
  { roots }: Pick<Dependencies, 'roots'>,
  { file }: ChangeFileCall,
): Promise<SchemaChange> {
  const path = await resolveInside(roots, file);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CodedError('NotFound', `change file "${file}" cannot be read (looked at ${path})`, { cause });
  });
  const { written, change, problems } = readChangeYaml(text, file);
  if (written && change && problems.length === 0) return written;
  const words = problems.map(({ line, column, path: at, message }) => `${file}:${line}:${column}: ${at} ${message}`);
  throw new CodedError('InvalidInput', words.join('; '), { details: { problems } });
}
