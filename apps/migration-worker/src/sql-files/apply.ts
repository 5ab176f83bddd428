import { CodedError } from '@switchyard/contracts';
import type { Call } from '../call.js';
import { codeOf } from '../target/errors.js';
import type { Session } from '../target/session.js';
import { ensureLedger, lockLedger, pendingFiles, readLedger, type LedgerRow } from './ledger.js';
import type { SqlFile } from './read.js';

/** A file may have changed role or search path, and must not decide where the ledger is sought. */
const OWN_SETTINGS = 'reset session authorization; reset role; reset all';

/** Options of {@link applySqlFiles} and {@link revertSqlFiles}. */
export interface SqlFilesCall {
  readonly session: Session;
  readonly files: readonly SqlFile[];
  readonly call: Call;
}

/**
 * Applies the files that are pending. A file and its row in the ledger are one transaction, so a file whose answer was
 * lost is not applied twice; a file without transaction goes on at the statement where it was interrupted.
 */
export async function applySqlFiles({ session, files, call }: SqlFilesCall): Promise<void> {
  await lockLedger(session);
  await ensureLedger(session);
  const ledger = await readLedger(session);
  const pending = pendingFiles(files, ledger);
  for (const [index, file] of pending.entries()) {
    call.signal.throwIfAborted();
    await call.record({ type: 'file_started', subject: file.name, message: `applies ${file.name}` });
    const position = ledger.length + index + 1;
    const began = ledger.find((row) => row.name === file.name);
    await (file.isTransactional
      ? inTransaction(session, file, position, call)
      : byStatement(session, file, position, began, call));
    await call.record({ type: 'file_applied', subject: file.name, message: `applied ${file.name}` });
    call.progress(((index + 1) / pending.length) * 100, `${index + 1} of ${pending.length}: ${file.name}`);
  }
}

async function inTransaction(session: Session, file: SqlFile, position: number, call: Call): Promise<void> {
  await session.run('begin');
  try {
    await session.run(file.sql);
    await session.run(OWN_SETTINGS);
    await insertRow(session, file, position, call, true);
  } catch (error) {
    await session.run('rollback').catch(() => undefined);
    throw failed(file, error);
  }
  // An error here is unknown: the next attempt looks into the ledger.
  await session.run('commit');
}

async function byStatement(
  session: Session,
  file: SqlFile,
  position: number,
  began: LedgerRow | undefined,
  call: Call,
): Promise<void> {
  if (!began) await insertRow(session, file, position, call, false);
  for (const [index, statement] of file.statements.entries()) {
    if (index < (began?.statements ?? 0)) continue;
    call.signal.throwIfAborted();
    try {
      await session.run(statement.text);
    } catch (error) {
      throw failed(file, error, statement.line);
    }
    await session.rows('update switchyard_migrations set statements = $2 where name = $1', [file.name, index + 1]);
  }
  await session.rows('update switchyard_migrations set applied_at = now() where name = $1', [file.name]);
}

async function insertRow(
  { rows }: Session,
  file: SqlFile,
  position: number,
  call: Call,
  isApplied: boolean,
): Promise<void> {
  await rows(
    `insert into switchyard_migrations (name, sha256, run_id, execution_id, position, applied_at)
     values ($1, $2, $3, $4, $5, case when $6 then now() end)`,
    [file.name, file.sha256, call.ref.runId, call.ref.executionId, position, isApplied],
  );
}

/** Names of what this execution applied, in order. */
export async function appliedBy(session: Session, executionId: string): Promise<string[]> {
  const ledger = await readLedger(session);
  return ledger.filter((row) => row.execution === executionId && row.isApplied).map((row) => row.name);
}

/**
 * Runs the down files of what this execution began, newest first, each with its row in one transaction.
 * Throws CompensationFailed at the first one that is missing or fails; what came before it is undone.
 */
export async function revertSqlFiles({ session, files, call }: SqlFilesCall): Promise<string[]> {
  await lockLedger(session);
  const ledger = await readLedger(session);
  const reverted: string[] = [];
  for (const row of ledger.toReversed()) {
    if (row.execution !== call.ref.executionId) {
      // Down files of ours under changes of others would pull the ground from below them.
      if (ledger.some((other) => other.execution === call.ref.executionId && !reverted.includes(other.name))) {
        throw new CodedError(
          'CompensationFailed',
          `"${row.name}" was applied after this run's files by another run; undo both by hand`,
          {
            details: { reverted },
          },
        );
      }
      break;
    }
    const down = files.find((file) => file.name === row.name)?.down;
    if (!down) {
      throw new CodedError(
        'CompensationFailed',
        `"${row.name}" cannot be undone: there is no "${row.name.replace(/\.sql$/, '.down.sql')}"`,
        {
          details: { reverted },
        },
      );
    }
    await revertOne(session, row.name, down);
    reverted.push(row.name);
    await call.record({ type: 'file_reverted', subject: row.name, message: `undid ${row.name} by ${down.name}` });
  }
  return reverted;
}

async function revertOne(session: Session, name: string, down: SqlFile): Promise<void> {
  const remove = (): Promise<object[]> => session.rows('delete from switchyard_migrations where name = $1', [name]);
  try {
    if (down.isTransactional) {
      await session.run('begin');
      await session.run(down.sql);
      await session.run(OWN_SETTINGS);
      await remove();
      await session.run('commit');
    } else {
      for (const statement of down.statements) await session.run(statement.text);
      await remove();
    }
  } catch (error) {
    if (session.isInTransaction()) await session.run('rollback').catch(() => undefined);
    throw failed(down, error, undefined, 'CompensationFailed');
  }
}

/** The server's words about a file, or the error itself when the connection was lost. */
function failed(
  file: SqlFile,
  error: unknown,
  line?: number,
  code: 'MigrationFailed' | 'CompensationFailed' = 'MigrationFailed',
): unknown {
  const sqlState = codeOf(error);
  const { message, severity, position } = error as { message: string; severity?: string; position?: string };
  // Without a severity it is no answer of the server; FATAL means that the session is over.
  if (error instanceof CodedError || severity === undefined || severity === 'FATAL' || sqlState === undefined)
    return error;
  const at = line ?? (position === undefined ? undefined : file.sql.slice(0, Number(position)).split('\n').length);
  return new CodedError(
    code,
    `"${file.name}"${at === undefined ? '' : ` line ${at}`}: ${message} [SQLSTATE ${sqlState}]`,
    {
      details: { file: file.name, sqlState, ...(at === undefined ? {} : { line: at }) },
    },
  );
}
