import type { MigrationInput, ValidationReport } from '@switchyard/contracts';
import type { Call } from '../call.js';
import { openSource } from '../changes/source.js';
import { ranSince } from '../liquibase/history.js';
import { pendingChangesets } from '../liquibase/pending.js';
import { pendingFiles, readLedger } from '../sql-files/ledger.js';
import { CodedError } from '@switchyard/contracts';
import { codeOf } from '../target/errors.js';
import type { Session } from '../target/session.js';
import { expected, judge, nameOf, type Check } from '../validation/expectation.js';
import type { MigrationCall, StartMark } from './contract.js';
import type { Dependencies } from './dependencies.js';
import { liquibaseCall } from './preflight.js';
import { withTarget, type OpenTarget } from './with-target.js';

/** Input of {@link validate}. */
export type ValidateInput = MigrationCall & {
  readonly checks: MigrationInput['validate'];
  readonly mark: StartMark | null;
};

/** Judges everything: that nothing is pending and no applied change was altered, then each check of the input. */
export async function validate(
  deps: Dependencies,
  input: ValidateInput,
  call: Call,
): Promise<readonly ValidationReport[]> {
  return withTarget(deps, input, call, async (target) => {
    const own = await nothingPending(deps, input, call, target);
    const checks = await target.look(
      async (session) => {
        const reports: ValidationReport[] = [];
        for (const check of input.checks) reports.push(await observe(session, check));
        return reports;
      },
      { statementTimeoutMs: input.timeoutMs },
    );
    const reports = [own, ...checks];
    for (const { name, passed, expected: wanted, observed } of reports) {
      await call.record({
        type: passed ? 'check_passed' : 'check_failed',
        level: passed ? 'info' : 'error',
        subject: name,
        message: `${name}: expected ${wanted}, observed ${observed}`,
      });
    }
    return reports;
  });
}

async function observe(session: Session, check: Check): Promise<ValidationReport> {
  try {
    return judge(check, await session.observe(check.sql));
  } catch (error) {
    // A query that the server refuses is a failed check; a lost connection is no verdict at all.
    const { severity, message } = error as { severity?: string; message: string };
    if (severity !== 'ERROR') throw error;
    return {
      name: nameOf(check),
      passed: false,
      expected: expected(check),
      observed: `error: ${message} [SQLSTATE ${codeOf(error) ?? '?'}]`,
    };
  }
}

async function nothingPending(
  deps: Dependencies,
  input: ValidateInput,
  call: Call,
  target: OpenTarget,
): Promise<ValidationReport> {
  const source = await openSource(input.changes, deps.roots);
  const name = source.kind === 'sql' ? 'every file is applied' : 'every changeset is applied';
  try {
    const left =
      source.kind === 'sql'
        ? await target.look(async (session) =>
            pendingFiles(source.files, await readLedger(session)).map((file) => file.name),
          )
        : await pendingAfter(deps, input, call, target, source.changelog);
    return {
      name,
      passed: left.length === 0,
      expected: 'nothing pending',
      observed: left.length === 0 ? 'nothing pending' : `pending: ${left.join(', ')}`,
    };
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'PreflightRefused') throw error;
    return { name, passed: false, expected: 'nothing pending', observed: error.message };
  }
}

/** What Liquibase would still run, but for changesets with runAlways that this run has run. */
async function pendingAfter(
  deps: Dependencies,
  input: ValidateInput,
  call: Call,
  target: OpenTarget,
  changelog: Parameters<typeof liquibaseCall>[4],
): Promise<string[]> {
  const pending = await pendingChangesets(liquibaseCall(deps, input, call, target, changelog));
  if (pending.length === 0 || input.mark?.kind !== 'liquibase') return pending.map(({ id }) => id);
  const { baseline } = input.mark;
  const ran = await target.look((session) => ranSince(session, baseline));
  return pending
    .filter((p) => !ran.some((r) => r.id === p.id && r.author === p.author && r.file === p.file))
    .map(({ id }) => id);
}
