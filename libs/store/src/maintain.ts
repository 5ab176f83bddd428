import { dropArtifactRefsBefore, sweepArtifacts } from './artifacts/refs.js';
import { dropEventsBefore, ensureEventPartitions } from './events/partitions.js';
import { execute, type Db } from './sql.js';

/** Options of {@link maintain}. Without an age, that thing is kept for ever. */
export interface MaintainOptions {
  /** Days that events are kept, at least. */
  readonly eventDays?: number;
  /** Days that a run keeps its artifacts. */
  readonly artifactDays?: number;
  /** Default: this machine's clock. */
  readonly clock?: () => Date;
}

/** What {@link maintain} did. */
export interface Maintained {
  readonly partitionsMade: readonly string[];
  readonly partitionsDropped: readonly string[];
  readonly artifactsRemoved: number;
}

/** Daily housekeeping: months ahead, retention, dead uploads, forgotten waiters and instances. Safe to run in several processes. */
export async function maintain(db: Db, options: MaintainOptions = {}): Promise<Maintained> {
  const now = (options.clock ?? (() => new Date()))();
  const daysAgo = (days: number): Date => new Date(now.getTime() - days * 86_400_000);
  const partitionsMade = await ensureEventPartitions(db, { from: now });
  const retired =
    options.eventDays === undefined ? undefined : await dropEventsBefore(db, { before: daysAgo(options.eventDays) });
  // A batch is sent again within minutes or never.
  await execute(db, `delete from switchyard.event_batches where stored_at < now() - interval '7 days'`);
  await execute(db, `delete from switchyard.lock_waiters where seen_at < now() - interval '1 day'`);
  await execute(db, `delete from switchyard.flag_instances where seen_at < now() - interval '1 day'`);
  await execute(db, `delete from switchyard.flag_shadow_reads where seen_at < now() - interval '90 days'`);
  if (options.artifactDays !== undefined) await dropArtifactRefsBefore(db, { before: daysAgo(options.artifactDays) });
  return {
    partitionsMade,
    partitionsDropped: retired?.partitions ?? [],
    artifactsRemoved: await sweepArtifacts(db),
  };
}
