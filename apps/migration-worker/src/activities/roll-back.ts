import { CodedError } from '@switchyard/contracts';
import { addedObjects, listObjects, type CatalogObject } from '../backup/catalog.js';
import { restoreDump } from '../backup/restore.js';
import type { Call } from '../call.js';
import { openSource } from '../changes/source.js';
import { ranSince } from '../liquibase/history.js';
import { failureReason, parseChangesetLine } from '../liquibase/output.js';
import { runLiquibase, type Changelog } from '../liquibase/run.js';
import { appliedBy, revertSqlFiles } from '../sql-files/apply.js';
import { hasLedger, readLedger } from '../sql-files/ledger.js';
import type { SqlFile } from '../sql-files/read.js';
import { readServer } from '../target/server.js';
import { sessionName } from '../target/session-name.js';
import { withSession, type Session } from '../target/session.js';
import type { Backup, MigrationCall, Reverted, StartMark } from './contract.js';
import type { Dependencies } from './dependencies.js';
import { liquibaseCall } from './preflight.js';
import { fence, withTarget, type OpenTarget } from './with-target.js';

type Marked = MigrationCall & { readonly mark: StartMark };

/** Undoes what this run has applied, by Liquibase's rollback to the tag or by down files. */
export async function rollBack(deps: Dependencies, input: Marked, call: Call): Promise<Reverted> {
  const source = await openSource(input.changes, deps.roots);
  return withTarget(deps, input, call, async (target) => {
    await fence(target.connection, call);
    return source.kind === 'sql'
      ? revertFiles(input, call, target, source.files)
      : revertChangelog(deps, input, call, target, source.changelog);
  });
}

async function revertFiles(
  input: Marked,
  call: Call,
  target: OpenTarget,
  files: readonly SqlFile[],
): Promise<Reverted> {
  if (!(await target.look(hasLedger))) return { reverted: [], remaining: [] };
  const options = {
    connection: target.connection,
    name: sessionName(call.ref),
    signal: call.signal,
    statementTimeoutMs: input.timeoutMs,
  };
  const reverted = await withSession(options, (session) => revertSqlFiles({ session, files, call }));
  return { reverted, remaining: await target.look((session) => appliedBy(session, call.ref.executionId)) };
}

async function revertChangelog(
  deps: Dependencies,
  input: Marked,
  call: Call,
  target: OpenTarget,
  changelog: Changelog,
): Promise<Reverted> {
  const { mark } = input;
  if (mark.kind !== 'liquibase') throw new CodedError('CompensationFailed', 'this run wrote no tag to go back to');
  const identities = async (): Promise<string[]> =>
    target.look(async (session) =>
      (await ranSince(session, mark.baseline)).map(({ file, id, author }) => `${file}::${id}::${author}`),
    );
  const before = await identities();
  if (before.length === 0) return { reverted: [], remaining: [] };
  const result = await runLiquibase('rollback', [`--tag=${mark.tag}`, '--tag-version=NEWEST'], {
    ...liquibaseCall(deps, input, call, target, changelog),
    onLine: async (text) => {
      const found = parseChangesetLine(text);
      if (found)
        await call.record({ type: 'changeset_rollback', subject: found.identity, message: `undoes ${found.identity}` });
    },
  });
  const remaining = await identities();
  const reverted = before.filter((identity) => !remaining.includes(identity));
  for (const identity of reverted)
    await call.record({ type: 'changeset_reverted', subject: identity, message: `undid ${identity}` });
  if (result.isSuccess && remaining.length === 0) return { reverted, remaining };
  const reason = result.isSuccess ? 'Liquibase left it in its table' : failureReason(result.lines);
  throw new CodedError(
    'CompensationFailed',
    `rollback to tag ${mark.tag}: ${reason}; still applied: ${remaining.join(', ') || 'nothing'}`,
    {
      details: { tag: mark.tag, reverted, remaining, reason },
    },
  );
}

/** Puts this run's own backup back. */
export async function restore(
  deps: Dependencies,
  input: Marked & { readonly backup: Backup },
  call: Call,
): Promise<Reverted> {
  return withTarget(deps, input, call, async (target) => {
    await fence(target.connection, call);
    const { catalog } = input.mark;
    if (catalog === null)
      throw new CodedError('CompensationFailed', 'the objects from before the migration were not written down');
    const before = JSON.parse((await deps.store.readArtifact({ digest: catalog })).toString('utf8')) as CatalogObject[];
    const { added, server } = await target.look(async (session) => ({
      added: addedObjects(before, await listObjects(session)),
      server: await readServer(session),
    }));
    const undone = await target.look((session) => appliedNow(session, input, call));
    await restoreDump({
      call,
      connection: target.connection,
      backup: input.backup,
      tools: deps.tools,
      serverMajor: server.major,
      added,
      reaper: deps.reaper,
      scratch: target.scratch,
      timeoutMs: input.timeoutMs,
    });
    await call.record({
      type: 'restored',
      subject: input.backup.path,
      message: `restored the backup; dropped ${added.length} objects made since`,
      data: { dropped: added.length },
    });
    return { reverted: undone, remaining: await target.look((session) => appliedNow(session, input, call)) };
  });
}

async function appliedNow(session: Session, { mark }: Marked, call: Call): Promise<string[]> {
  if (mark.kind === 'liquibase') return (await ranSince(session, mark.baseline)).map(({ id }) => id);
  const ledger = await readLedger(session);
  return ledger.filter((row) => row.execution === call.ref.executionId).map((row) => row.name);
}
