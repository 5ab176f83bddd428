import { CodedError } from '@switchyard/contracts';
import { connectionLost } from '@switchyard/shared-db';
import type { Call } from '../call.js';
import { fromChangesets, fromFiles, proposalOf } from '../changes/proposal.js';
import { openSource } from '../changes/source.js';
import { ranSince, type RanChangeset } from '../liquibase/history.js';
import { heldBy, lockHolder, releaseDeadLock } from '../liquibase/lock.js';
import { failedChangeset, failureReason, parseChangesetLine } from '../liquibase/output.js';
import { pendingChangesets } from '../liquibase/pending.js';
import {
  filterArguments,
  runLiquibase,
  type Changelog,
  type LiquibaseCall,
  type LiquibaseResult,
} from '../liquibase/run.js';
import { appliedBy, applySqlFiles } from '../sql-files/apply.js';
import { pendingFiles, readLedger } from '../sql-files/ledger.js';
import type { SqlFile } from '../sql-files/read.js';
import { sessionName } from '../target/session-name.js';
import { withSession } from '../target/session.js';
import type { MigrationCall, StartMark } from './contract.js';
import type { Dependencies } from './dependencies.js';
import { liquibaseCall } from './preflight.js';
import { fence, withTarget, type OpenTarget } from './with-target.js';

/** Input of {@link apply}. */
export type ApplyInput = MigrationCall & {
  readonly mark: StartMark;
  readonly approved: string | null;
  readonly pending: number;
};

/** Applies what is pending. Safe to call again: what an earlier attempt has done is kept and counts. */
export async function apply(deps: Dependencies, input: ApplyInput, call: Call): Promise<readonly string[]> {
  const source = await openSource(input.changes, deps.roots);
  return withTarget(deps, input, call, async (target) => {
    if (call.attempt > 1) await fence(target.connection, call);
    try {
      if (source.kind === 'sql') return await applyFiles(input, call, target, source.files);
      return await applyChangelog(deps, input, call, target, source.changelog);
    } catch (error) {
      // The client is gone; its statement may not be. A fence that cannot be put up is no reason to hide the error.
      await fence(target.connection, call).catch((second: unknown) =>
        call.record({
          type: 'session_left',
          level: 'warning',
          message: `could not look for sessions left behind: ${(second as Error).message}`,
        }),
      );
      throw error;
    }
  });
}

/** Names what this run has applied so far. */
export async function applied(
  deps: Dependencies,
  input: MigrationCall & { readonly mark: StartMark },
  call: Call,
): Promise<readonly string[]> {
  const { mark } = input;
  return withTarget(deps, input, call, (target) =>
    target.look(async (session) =>
      mark.kind === 'sql'
        ? appliedBy(session, call.ref.executionId)
        : (await ranSince(session, mark.baseline)).map(({ id }) => id),
    ),
  );
}

async function applyFiles(
  input: ApplyInput,
  call: Call,
  target: OpenTarget,
  files: readonly SqlFile[],
): Promise<readonly string[]> {
  if (input.approved !== null) {
    const { mine, pending } = await target.look(async (session) => ({
      mine: await appliedBy(session, call.ref.executionId),
      pending: pendingFiles(files, await readLedger(session)),
    }));
    // On a further attempt some of what was approved has run already.
    if (mine.length === 0) assertApproved(input.approved, proposalOf(fromFiles(pending)).digest);
  }
  const options = {
    connection: target.connection,
    name: sessionName(call.ref),
    signal: call.signal,
    statementTimeoutMs: input.timeoutMs,
  };
  await withSession(options, (session) => applySqlFiles({ session, files, call }));
  return target.look((session) => appliedBy(session, call.ref.executionId));
}

async function applyChangelog(
  deps: Dependencies,
  input: ApplyInput,
  call: Call,
  target: OpenTarget,
  changelog: Changelog,
): Promise<readonly string[]> {
  const baseline = input.mark.kind === 'liquibase' ? input.mark.baseline : 0;
  const liquibase = liquibaseCall(deps, input, call, target, changelog);
  const before = await target.look(async (session) => {
    const released = await releaseDeadLock(session);
    if (released)
      await call.record({
        type: 'lock_released',
        level: 'warning',
        message: `released Liquibase's lock, left by ${released.lockedBy}`,
      });
    const [row] = await session.rows<{ at: string }>('select pg_postmaster_start_time()::text as at');
    return { startedAt: row?.at, ran: await ranSince(session, baseline) };
  });
  // On a further attempt some of what was approved has run already.
  if (input.approved !== null && before.ran.length === 0) {
    assertApproved(input.approved, proposalOf(fromChangesets(await pendingChangesets(liquibase))).digest);
  }
  const update = await runLiquibase('update', filterArguments(changelog), {
    ...liquibase,
    onLine: reportLines(call, input.pending, before.ran.length),
  });
  const after = await target.look(async (session) => {
    const [row] = await session.rows<{ at: string }>('select pg_postmaster_start_time()::text as at');
    return { startedAt: row?.at, ran: await ranSince(session, baseline), holder: await lockHolder(session) };
  });
  await recordRan(call, after.ran);
  if (update.isSuccess) return after.ran.map(({ id }) => id);
  if (after.startedAt !== before.startedAt || isLost(update)) throw connectionLost(target.connection, undefined);
  // Somebody else's lock; one of ours is freed by the fence.
  if (after.holder && !after.holder.lockedBy.includes(sessionName(call.ref))) throw heldBy(after.holder);
  const changeset = failedChangeset(update.lines);
  const reason = failureReason(update.lines);
  throw new CodedError('MigrationFailed', changeset === undefined ? `${changelog.file}: ${reason}` : reason, {
    details: { changeset: changeset ?? null, reason, applied: after.ran.map(({ id }) => id) },
  });
}

/** The Java driver's own words for a connection that ended under it; the server has no SQLSTATE left to say it with. */
function isLost({ lines }: LiquibaseResult): boolean {
  return lines.some((line) =>
    /An I\/O error occurred while sending to the backend|terminating connection due to/.test(line),
  );
}

function assertApproved(approved: string, now: string): void {
  if (approved === now) return;
  throw new CodedError(
    'PreflightRefused',
    'What would run now is not what was approved: the changes or the database changed in between. Start a new run: it asks again',
    {
      details: { approved, now },
    },
  );
}

function reportLines(call: Call, pending: number, done: number): NonNullable<LiquibaseCall['onLine']> {
  let running = done;
  return async (text) => {
    const found = parseChangesetLine(text);
    if (!found) return;
    running += 1;
    call.progress(
      Math.min(99, ((running - 1) / Math.max(pending, 1)) * 100),
      `${running} of ${Math.max(pending, running)}: ${found.identity}`,
    );
    await call.record({ type: 'changeset_started', subject: found.identity, message: `runs ${found.identity}` });
  };
}

async function recordRan(call: Call, ran: readonly RanChangeset[]): Promise<void> {
  for (const { id, author, file, type } of ran) {
    const identity = `${file}::${id}::${author}`;
    await call.record({
      type: 'changeset_applied',
      subject: identity,
      message: `applied ${identity}`,
      data: { id, author, file, type },
    });
  }
}
