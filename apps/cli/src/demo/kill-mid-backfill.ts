import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@switchyard/local-stack';
import type { KillStory } from './kill-worker.js';
import type { BackfillPoint, UsersTable } from './users-table.js';

const WORKER = 'migration-worker';

/** What was seen at the moment of the kill. */
export interface BackfillKillStory extends KillStory {
  readonly backfill: BackfillPoint;
}

/** Options of {@link killMidBackfill}. */
export interface KillMidBackfill {
  readonly root: string;
  readonly users: UsersTable;
  /** Ends the waiting, when the run is over. */
  readonly signal: AbortSignal;
}

/**
 * Kills the migration-worker with SIGKILL while it fills the table: told by its checkpoint in the database, for that
 * takes a second or two. Undefined when the moment never came.
 */
export async function killMidBackfill({
  root,
  users,
  signal,
}: KillMidBackfill): Promise<BackfillKillStory | undefined> {
  const worker = (await status(root))?.workers.find(({ name }) => name === WORKER);
  if (typeof worker?.pid !== 'number') return undefined;
  while (!signal.aborted) {
    const point = await users.backfill();
    if (point && point.share >= 0.2) {
      process.kill(worker.pid, 'SIGKILL');
      return { worker: WORKER, pid: worker.pid, at: new Date().toISOString(), backfill: point };
    }
    await sleep(20, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}
