import { stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { resolveInside } from '@switchyard/process';
import type { ChangeSource } from '../activities/contract.js';
import type { Changelog } from '../liquibase/run.js';
import { readSqlFiles, type SqlFile } from '../sql-files/read.js';
import { realpath } from 'node:fs/promises';

/** The changes of a run as they lie on this worker. */
export type OpenSource =
  | { readonly kind: 'liquibase'; readonly changelog: Changelog }
  | { readonly kind: 'sql'; readonly files: readonly SqlFile[] };

/** Finds the changelog or reads the SQL files, below the project roots. PathRefused, NotFound or PreflightRefused. */
export async function openSource(source: ChangeSource, roots: readonly string[]): Promise<OpenSource> {
  if (source.kind === 'sql')
    return { kind: 'sql', files: await readSqlFiles(await resolveInside(roots, source.directory)) };
  const path = await resolveInside(roots, source.file);
  if (!(await stat(path)).isFile())
    throw new CodedError('NotFound', `changelogFile "${source.file}" is no file (looked at ${path})`);
  const root = await rootOf(path, roots);
  // As the caller wrote it: Liquibase knows a changeset by the path of its file, and a link must not change that.
  const written = isAbsolute(source.file) ? source.file : resolve(root, source.file);
  const asWritten = relative(root, written);
  const file = asWritten.startsWith('..') || isAbsolute(asWritten) ? relative(root, path) : asWritten;
  return { kind: 'liquibase', changelog: { root, file, source } };
}

/** The root that holds a path; relative inputs count from the first. */
async function rootOf(path: string, roots: readonly string[]): Promise<string> {
  for (const root of roots) {
    const real = await realpath(root).catch(() => undefined);
    if (real !== undefined && !relative(real, path).startsWith('..')) return real;
  }
  throw new CodedError('PathRefused', `"${path}" lies outside the project roots (${roots.join(', ')})`);
}
