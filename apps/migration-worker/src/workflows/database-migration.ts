import { migrationInputSchema, type MigrationInput, type MigrationResult } from '@switchyard/contracts';
import { fail, failureOf, runWorkflow, type CodedFailure, type Run } from '@switchyard/workflow-kit';
import { CancellationScope, isCancellation, log } from '@temporalio/workflow';
import { databaseNameIn } from './inline-credentials.js';
import { Migration } from './migration.js';
import { notifyPeople } from './notify.js';

/**
 * Migrates one database: preflight, load gate, backup, approval, update, validation, notification, with pause points
 * between the steps. What fails after the first change goes back as `onFailure` says.
 */
export async function DatabaseMigrationWorkflow(given: unknown): Promise<MigrationResult> {
  return runWorkflow({
    kind: 'database-migration',
    schema: migrationInputSchema,
    given,
    what: 'DatabaseMigrationWorkflow input',
    describe: (input) => ({ title: `Migrate ${nameOf(input)}`, target: nameOf(input), steps: stepsOf(input) }),
    body: migrate,
  });
}

function nameOf({ database, databaseUrl }: MigrationInput): string {
  return database ?? databaseNameIn(databaseUrl ?? '');
}

function stepsOf(input: MigrationInput): { id: string; title: string }[] {
  return [
    { id: 'preflight', title: 'Preflight' },
    ...(input.loadGate ? [{ id: 'load', title: 'Wait for low load' }] : []),
    ...(input.backupRequired ? [{ id: 'backup', title: 'Backup' }] : []),
    ...(input.approval ? [{ id: 'approval', title: 'Approval' }] : []),
    { id: 'update', title: input.changelogFile === undefined ? 'Apply SQL files' : 'Liquibase update' },
    { id: 'validate', title: 'Validation' },
    ...(input.notify ? [{ id: 'notify', title: 'Notification' }] : []),
  ];
}

async function migrate(run: Run, input: MigrationInput): Promise<MigrationResult> {
  const migration = new Migration(run, input);
  await migration.refuseInlinePassword();
  try {
    await migration.preflight();
    await run.checkpoint();
    await migration.waitForLowLoad();
    await run.checkpoint();
    await migration.backup();
    await run.checkpoint();
    await migration.approval();
    await run.checkpoint();
    await migration.update();
    await run.checkpoint();
    await migration.validate();
    await run.checkpoint();
  } catch (error) {
    const ending = await goBack(run, input, migration, error);
    await unlock(migration);
    const { code, message } = failureOf(ending);
    await notifyPeople(run, input, migration.calls, `${run.board.status.title} failed: ${message}`, {
      runId: run.ref.runId,
      code,
    });
    throw ending;
  }
  await unlock(migration);
  const { applied } = migration.result;
  const count = `${applied.length} change${applied.length === 1 ? '' : 's'}`;
  await notifyPeople(run, input, migration.calls, `${run.board.status.title} finished: ${count} applied`, {
    runId: run.ref.runId,
    applied,
  });
  return migration.result;
}

/** Undoes what was changed and gives the failure that the run ends with. */
async function goBack(run: Run, input: MigrationInput, migration: Migration, error: unknown): Promise<unknown> {
  if (!migration.hasBegun) return isCancellation(error) ? error : withResult(failureOf(error), migration);
  return CancellationScope.nonCancellable(async () => {
    await migration.readApplied().catch(() => undefined);
    const failure = failureOf(error);
    if (input.onFailure === 'hold') {
      if (!isCancellation(error)) return withResult(failure, migration);
      run.warn('the run ended while the database was held: nothing was rolled back');
      return error;
    }
    run.phase('undo');
    run.board.change({ state: 'compensating' });
    run.undo.add(input.onFailure === 'restore' ? 'Restore the backup' : 'Roll back to the tag', () => migration.undo());
    const [report] = await run.undo.run();
    if (report?.failure) {
      const { message, details } = report.failure;
      return fail('CompensationFailed', `${failure.message}. Undoing it failed as well: ${message}`, {
        ...migration.result,
        cause: failure,
        undo: { message, details },
      });
    }
    if (isCancellation(error)) return error;
    if (!migration.result.rolledBack) return withResult(failure, migration);
    const how = input.onFailure === 'restore' ? 'the backup was restored' : 'rolled back to where it began';
    return fail('MigrationRolledBack', `${failure.message}; ${how}`, { ...migration.result, cause: failure });
  });
}

/** The failure with everything that is known of the run in its details. */
function withResult({ code, message, details }: CodedFailure, migration: Migration): unknown {
  const own = typeof details === 'object' && details !== null ? details : {};
  return fail(code, message, { ...own, ...migration.result });
}

async function unlock(migration: Migration): Promise<void> {
  await CancellationScope.nonCancellable(() => migration.unlock()).catch((error: unknown) =>
    // The lock is stale as soon as this run is closed; whoever wants it takes it then.
    log.warn('the lock of the database could not be given back', { error: String(error) }),
  );
}
