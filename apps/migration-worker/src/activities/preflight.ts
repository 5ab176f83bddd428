import { CodedError } from '@switchyard/contracts';
import { placeOf } from '@switchyard/shared-db';
import type { Call } from '../call.js';
import { fromChangesets, fromFiles, proposalOf } from '../changes/proposal.js';
import { openSource, type OpenSource } from '../changes/source.js';
import { lockHolder } from '../liquibase/lock.js';
import { pendingChangesets, rollbackObstacle } from '../liquibase/pending.js';
import type { LiquibaseCall } from '../liquibase/run.js';
import { pendingFiles, readLedger } from '../sql-files/ledger.js';
import { readServer, type ServerFacts } from '../target/server.js';
import type { MigrationCall, Preflight, Proposal } from './contract.js';
import type { Dependencies } from './dependencies.js';
import { fence, withTarget, type OpenTarget } from './with-target.js';

/** Looks at everything that a run needs before it changes anything. */
export async function preflight(
  deps: Dependencies,
  input: MigrationCall & { readonly backupRequired: boolean },
  call: Call,
): Promise<Preflight> {
  // The files first: they cost nothing, and a wrong path is the commonest mistake.
  const source = await openSource(input.changes, deps.roots);
  return withTarget(deps, input, call, async (target) => {
    const server = await target.look(readServer);
    if (server.isReadOnly) {
      throw new CodedError(
        'PreflightRefused',
        `${placeOf(target.connection)} is read-only: it is a standby, or default_transaction_read_only is on`,
      );
    }
    await findTools(deps, input, server);
    if (call.attempt > 1) await fence(target.connection, call);
    const { proposal, warnings } = await propose(deps, input, call, target, source);
    return {
      databaseName: server.database,
      user: server.user,
      serverVersion: server.version,
      sizeBytes: server.sizeBytes,
      proposal,
      warnings,
    };
  });
}

async function findTools(
  deps: Dependencies,
  input: MigrationCall & { readonly backupRequired: boolean },
  server: ServerFacts,
): Promise<void> {
  if (input.changes.kind === 'liquibase') await Promise.all([deps.tools.java(), deps.tools.liquibase()]);
  if (!input.backupRequired) return;
  await deps.tools.postgres('pg_dump', server.major);
  await deps.tools.postgres('pg_restore', server.major);
  if (input.onFailure === 'restore') await deps.tools.postgres('psql', server.major);
}

async function propose(
  deps: Dependencies,
  input: MigrationCall,
  call: Call,
  target: OpenTarget,
  source: OpenSource,
): Promise<{ proposal: Proposal; warnings: string[] }> {
  const wantsRollback = input.onFailure === 'rollback';
  if (source.kind === 'sql') {
    const pending = await target.look(async (session) => pendingFiles(source.files, await readLedger(session)));
    const lacking = wantsRollback ? pending.filter((file) => !file.down).map((file) => file.name) : [];
    const warnings =
      lacking.length > 0
        ? [`cannot be rolled back, because there is no .down.sql beside it: ${lacking.join(', ')}`]
        : [];
    return { proposal: proposalOf(fromFiles(pending)), warnings };
  }
  const liquibase = liquibaseCall(deps, input, call, target, source.changelog);
  const [pending, obstacle] = await Promise.all([
    pendingChangesets(liquibase),
    wantsRollback ? rollbackObstacle(liquibase) : undefined,
  ]);
  const holder = await target.look(lockHolder);
  const warnings = [
    ...(obstacle !== undefined && pending.length > 0 ? [`not everything can be rolled back: ${obstacle}`] : []),
    ...(holder ? [`Liquibase's lock is held by ${holder.lockedBy} since ${holder.since}`] : []),
  ];
  return { proposal: proposalOf(fromChangesets(pending)), warnings };
}

/** Options of a Liquibase command for this call. */
export function liquibaseCall(
  deps: Dependencies,
  input: MigrationCall,
  call: Call,
  target: OpenTarget,
  changelog: LiquibaseCall['changelog'],
): LiquibaseCall {
  return {
    call,
    connection: target.connection,
    changelog,
    tools: deps.tools,
    reaper: deps.reaper,
    scratch: target.scratch,
    timeoutMs: input.timeoutMs,
  };
}
