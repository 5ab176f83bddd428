import { CodedError } from '@switchyard/contracts';
import { z } from 'zod';
import { parseLsn, type Lsn } from '../lsn.js';
import type { QueryPort } from './query-port.js';

const lsnSchema = z.string().transform(parseLsn);

const row = z.object({
  plugin: z.string().nullable(),
  database: z.string().nullable(),
  active: z.boolean(),
  active_pid: z.number().nullable(),
  restart_lsn: lsnSchema.nullable(),
  confirmed_flush_lsn: lsnSchema.nullable(),
  wal_status: z.enum(['reserved', 'extended', 'unreserved', 'lost']).nullable(),
  safe_wal_size: z.number().nullable(),
  retained_bytes: z.number().nullable(),
  // What older servers do not know is absent.
  invalidation_reason: z.string().nullable().default(null),
  inactive_since: z.string().nullable().default(null),
});

/** A replication slot as the server sees it. */
export interface SlotState {
  readonly slot: string;
  /** `pgoutput` for ours; null for a slot of physical replication. */
  readonly plugin: string | null;
  readonly database: string | null;
  readonly isActive: boolean;
  /** Process of the server that uses it. */
  readonly activePid: number | null;
  /** The oldest part of the log that it keeps. */
  readonly restartLsn: Lsn | null;
  /** What was acknowledged. */
  readonly confirmedFlushLsn: Lsn | null;
  /** `extended`: more than max_wal_size is kept. `unreserved`: it may be lost at the next checkpoint. `lost`: it is. */
  readonly walStatus: 'reserved' | 'extended' | 'unreserved' | 'lost' | null;
  /** Bytes that may still be written before it is lost; null without max_slot_wal_keep_size. */
  readonly safeWalBytes: number | null;
  /** Bytes of the log that it keeps. */
  readonly retainedBytes: number | null;
  /** Why the server gave it up; from PostgreSQL 17 on. */
  readonly invalidationReason: string | null;
  /** Since when nobody uses it, ISO 8601; from PostgreSQL 17 on. */
  readonly inactiveSince: string | null;
}

/** Reads the state of a slot; undefined when there is none of that name. */
export async function slotState(db: QueryPort, slot: string): Promise<SlotState | undefined> {
  // By way of JSON, because each major has other columns.
  const { rows } = await db.query(
    `select to_jsonb(s) || jsonb_build_object('retained_bytes', pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::float8) as state
    from pg_replication_slots s where s.slot_name = $1`,
    [slotName(slot)],
  );
  const [found] = z.array(z.object({ state: row })).parse(rows);
  if (found === undefined) return undefined;
  const { state } = found;
  return {
    slot,
    plugin: state.plugin,
    database: state.database,
    isActive: state.active,
    activePid: state.active_pid,
    restartLsn: state.restart_lsn,
    confirmedFlushLsn: state.confirmed_flush_lsn,
    walStatus: state.wal_status,
    safeWalBytes: state.safe_wal_size,
    retainedBytes: state.retained_bytes,
    invalidationReason: state.invalidation_reason,
    inactiveSince: state.inactive_since,
  };
}

/** A name that a slot can have. InvalidInput for any other, so that it needs no quoting anywhere. */
export function slotName(name: string): string {
  if (/^[a-z0-9_]{1,63}$/.test(name)) return name;
  throw new CodedError(
    'InvalidInput',
    `"${name}" cannot be the name of a replication slot: use 1 to 63 lower-case letters, digits and underscores`,
  );
}
