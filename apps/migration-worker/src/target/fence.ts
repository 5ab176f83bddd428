import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@switchyard/contracts';
import type { Session } from './session.js';

const POLL_MS = 100;
const GIVE_UP_MS = 10_000;

/** Whether a session with this application_name is connected to the database. */
export async function isConnected({ rows }: Session, name: string): Promise<boolean> {
  const found = await rows<{ pid: number }>(
    'select pid from pg_stat_activity where datname = current_database() and application_name = $1 and pid <> pg_backend_pid()',
    [name],
  );
  return found.length > 0;
}

/**
 * Ends every other session of that name and waits until they are gone, so that nothing of an earlier attempt can still
 * commit. A server goes on with a statement whose client is dead: only this stops it. Returns how many were ended.
 */
export async function endSessions(session: Session, name: string): Promise<number> {
  const ended = await session.rows<{ pid: number }>(
    `select pid, pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = $1 and pid <> pg_backend_pid()`,
    [name],
  );
  const until = performance.now() + GIVE_UP_MS;
  while (ended.length > 0 && (await isConnected(session, name))) {
    if (performance.now() > until) {
      throw new CodedError(
        'LockUnavailable',
        `A session of an earlier attempt (application_name ${name}) does not end; end it on the server`,
      );
    }
    await sleep(POLL_MS);
  }
  return ended.length;
}
