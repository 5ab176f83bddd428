import { CodedError } from '@switchyard/contracts';
import { failureReason, parseUpdateSql, type PendingChangeset } from './output.js';
import { filterArguments, runLiquibase, type LiquibaseCall } from './run.js';

/** What `update` would run now. Parses the changelog on the way; a changelog that does not parse is PreflightRefused. */
export async function pendingChangesets(options: LiquibaseCall): Promise<PendingChangeset[]> {
  const result = await runLiquibase('update-sql', filterArguments(options.changelog), options);
  if (result.isSuccess) return parseUpdateSql(result.stdout);
  const reason = failureReason(result.lines);
  throw new CodedError('PreflightRefused', `${options.changelog.file}: ${reason}`, {
    details: { changelog: options.changelog.file, reason },
  });
}

/**
 * Why what is pending could not be rolled back, or undefined when it could. Asked before anything runs, because after
 * the update it would be too late to learn of a changeset without a rollback.
 */
export async function rollbackObstacle(options: LiquibaseCall): Promise<string | undefined> {
  const result = await runLiquibase('future-rollback-sql', filterArguments(options.changelog), options);
  if (result.isSuccess) return undefined;
  const stuck = /^-- Rolling Back ChangeSet: (.+)$/gm;
  const last = [...result.stdout.matchAll(stuck)].at(-1)?.[1];
  const reason = failureReason(result.lines);
  return last === undefined ? reason : `${last}: ${reason}`;
}
