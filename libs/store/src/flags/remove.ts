import { randomUUID } from 'node:crypto';
import { CodedError } from '@switchyard/contracts';
import { recordDecision } from '../decisions.js';
import { execute, type Db } from '../sql.js';
import { FLAGS_CHANNEL, lockFlags, type FlagRun } from './flag.js';
import { readFlag } from './read.js';
import { flagUses } from './uses.js';

/** Options of {@link removeFlag}. */
export interface RemoveFlagOptions {
  readonly key: string;
  /** The run that owns it. */
  readonly run: FlagRun;
  readonly reason: string;
  /** Milliseconds of silence after which an instance counts as gone. Default: as for `laggards`. */
  readonly aliveWithinMs?: number;
  /** Who decided. Default `switchyard`. */
  readonly by?: string;
  /** By which way. Default `run`. */
  readonly channel?: string;
}

/**
 * Removes a flag that no instance speaks of any more. An instance that still asks for it would fall back to the default
 * in its code, which after a schema change is the shape that is gone; so it is refused while one does.
 * @returns false when there was no such flag
 * @throws CodedError LockUnavailable when another run owns it; PreflightRefused while instances use it
 */
export async function removeFlag(db: Db, options: RemoveFlagOptions): Promise<boolean> {
  const { key, run, reason, aliveWithinMs } = options;
  return db.transaction(async (trx) => {
    await lockFlags(trx, 'change');
    const flag = await readFlag(trx, key);
    if (!flag) return false;
    if (flag.owner !== run.runId) {
      throw new CodedError('LockUnavailable', `flag "${key}" belongs to run ${flag.owner}, not to ${run.runId}`, {
        details: { key, owner: flag.owner },
      });
    }
    const uses = await flagUses(trx, { key, ...(aliveWithinMs === undefined ? {} : { aliveWithinMs }) });
    if (uses.length > 0) {
      const who = uses.map(({ service, instance }) => `${service} ${instance}`).join(', ');
      throw new CodedError(
        'PreflightRefused',
        `flag "${key}" is still asked for by ${who}: release a version of the service that does without it first`,
        { details: { key, uses } },
      );
    }
    await execute(trx, 'delete from switchyard.flags where key = :key and version = :version', {
      key,
      version: flag.version,
    });
    await recordDecision(trx, {
      id: randomUUID(),
      ...run,
      subject: `flag:${key}`,
      decision: 'remove',
      by: options.by ?? 'switchyard',
      channel: options.channel ?? 'run',
      reason,
      evidence: '',
      data: { before: { version: flag.version, definition: flag.definition } },
      at: new Date().toISOString(),
    });
    await execute(trx, 'select pg_notify(:channel, :key)', { channel: FLAGS_CHANNEL, key });
    return true;
  });
}
