import { rm } from 'node:fs/promises';
import type { DatabaseConnection } from '@switchyard/shared-db';
import type { Call } from '../call.js';
import { releaseDeadLock } from '../liquibase/lock.js';
import { makeScratch } from '../programs/scratch.js';
import { endSessions } from '../target/fence.js';
import { resolveTarget } from '../target/resolve.js';
import { controlName, sessionName } from '../target/session-name.js';
import { withSession, type Session } from '../target/session.js';
import type { MigrationCall } from './contract.js';
import type { Dependencies } from './dependencies.js';

/** The database of one call. */
export interface OpenTarget {
  readonly connection: DatabaseConnection;
  /** A directory of mode 700, removed at the end of the call. */
  readonly scratch: string;
  /** Opens a session for looking and for small statements of our own; statement time-out 30 s unless given. */
  readonly look: <T>(
    use: (session: Session) => Promise<T>,
    options?: { readonly statementTimeoutMs?: number },
  ) => Promise<T>;
}

/** Resolves the target of a call and gives it a scratch directory for as long as `use` runs. */
export async function withTarget<T>(
  deps: Dependencies,
  input: MigrationCall,
  call: Call,
  use: (target: OpenTarget) => Promise<T>,
): Promise<T> {
  const connection = await resolveTarget(input.target, deps);
  deps.masker.add(connection.password.reveal());
  const scratch = await makeScratch(deps.workDirectory);
  try {
    return await use({
      connection,
      scratch,
      look: (work, options) =>
        withSession({ connection, name: controlName(call.ref), signal: call.signal, ...options }, work),
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const FENCE_MS = 15_000;

/**
 * Makes sure that nothing of this run is at work in the database, and frees a Liquibase lock that it left. Before a
 * change on a further attempt, and after one that was cancelled or failed: a server goes on with the statement of a
 * client that is dead. Works while the call's own signal is aborted.
 */
export async function fence(connection: DatabaseConnection, call: Call): Promise<void> {
  const name = sessionName(call.ref);
  await withSession(
    { connection, name: controlName(call.ref), signal: AbortSignal.timeout(FENCE_MS) },
    async (session) => {
      const ended = await endSessions(session, name);
      if (ended > 0) {
        await call.record({
          type: 'session_ended',
          level: 'warning',
          message: `ended ${ended} session${ended === 1 ? '' : 's'} that an earlier attempt left`,
        });
      }
      const [mine] = await session.rows<{ found: boolean }>(
        "select to_regclass(quote_ident(current_schema()) || '.databasechangeloglock') is not null as found",
      );
      if (!mine?.found) return;
      const [row] = await session.rows<{ lockedby: string }>(
        "select lockedby from databasechangeloglock where id = 1 and locked and lockedby like '%' || $1 || '%'",
        [name],
      );
      if (!row) return;
      await releaseDeadLock(session);
      await call.record({
        type: 'lock_released',
        level: 'warning',
        message: `released Liquibase's lock, left by ${row.lockedby}`,
      });
    },
  );
}
