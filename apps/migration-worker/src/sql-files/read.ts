import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { isTransactionControl, splitStatements, type Statement } from './split.js';

/** One file of a directory of migrations. */
export interface SqlFile {
  /** File name; the order of names is the order of running. */
  readonly name: string;
  readonly sql: string;
  /** Digest of its bytes, 64 hex digits. */
  readonly sha256: string;
  /** False when its first line is `-- switchyard: no-transaction`. */
  readonly isTransactional: boolean;
  readonly statements: readonly Statement[];
  /** The file that undoes it (`<name>.down.sql`), if there is one. */
  readonly down: SqlFile | undefined;
}

const NO_TRANSACTION = /^\s*--\s*switchyard:\s*no-transaction\s*$/m;

/**
 * Reads the migrations of a directory in the order of their names. Refuses (PreflightRefused) a directory without any, a
 * `.down.sql` without its namesake, and transaction statements inside of a file that runs in a transaction.
 */
export async function readSqlFiles(directory: string): Promise<SqlFile[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw new CodedError(
      error.code === 'ENOTDIR' ? 'InvalidInput' : 'NotFound',
      `migrationsDir "${directory}" is no directory that can be read`,
    );
  });
  const names = entries
    .filter((entry) => !entry.isDirectory() && entry.name.endsWith('.sql'))
    .map((entry) => entry.name)
    .toSorted((a, b) => (a < b ? -1 : 1));
  const ups = names.filter((name) => !name.endsWith('.down.sql'));
  const downs = new Set(names.filter((name) => name.endsWith('.down.sql')));
  if (ups.length === 0) throw refused(`migrationsDir "${directory}" holds no .sql file`);
  const files: SqlFile[] = [];
  for (const name of ups) {
    const downName = name.replace(/\.sql$/, '.down.sql');
    const down = downs.delete(downName) ? await readOne(directory, downName, undefined) : undefined;
    files.push(await readOne(directory, name, down));
  }
  const [orphan] = downs;
  if (orphan !== undefined) {
    throw refused(`"${orphan}" undoes nothing: there is no "${orphan.replace(/\.down\.sql$/, '.sql')}" beside it`);
  }
  return files;
}

async function readOne(directory: string, name: string, down: SqlFile | undefined): Promise<SqlFile> {
  const bytes = await readFile(join(directory, name));
  const sql = bytes.toString('utf8').replace(/^\ufeff/, '');
  const isTransactional = !NO_TRANSACTION.test(firstLine(sql));
  const statements = splitStatements(sql);
  const control = isTransactional ? statements.find(isTransactionControl) : undefined;
  if (control) {
    throw refused(
      `"${name}" line ${control.line}: a file runs in a transaction of its own, so it may not hold "${control.words.slice(0, 2).join(' ')}"; ` +
        'remove it, or begin the file with `-- switchyard: no-transaction`',
    );
  }
  return { name, sql, sha256: createHash('sha256').update(bytes).digest('hex'), isTransactional, statements, down };
}

function firstLine(sql: string): string {
  return sql.trimStart().split('\n', 1)[0]?.trimEnd() ?? '';
}

function refused(message: string): CodedError {
  return new CodedError('PreflightRefused', message);
}
