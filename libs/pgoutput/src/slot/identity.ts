import { z } from 'zod';
import { StreamLostError } from '../errors.js';
import { formatLsn, parseLsn, type Lsn } from '../lsn.js';
import type { QueryPort } from './query-port.js';
import { slotState, type SlotState } from './slot-state.js';

/** The cluster that a position belongs to: the same number in another one is another place. */
export interface SystemIdentity {
  readonly systemId: string;
  /** Counted up when a standby is promoted, and when a backup is restored. */
  readonly timeline: number;
}

/** What makes a slot this very slot. Plain JSON: store it beside the applied position. */
export interface SlotIdentity extends SystemIdentity {
  readonly slot: string;
  /** Position at which the slot was made: everything that commits after it is in the stream. */
  readonly createdAt: string;
}

const systemRows = z.array(z.object({ system_id: z.string(), timeline: z.number() })).length(1);

/** Reads which cluster this is. The server must be a primary. */
export async function identifySystem(db: QueryPort): Promise<SystemIdentity> {
  // The name of a log file begins with the timeline; the control file still has the old one after a promotion.
  const { rows } = await db.query(
    `select system_identifier::text as system_id,
    ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int as timeline
    from pg_control_system()`,
  );
  const [{ system_id: systemId, timeline } = { system_id: '', timeline: 0 }] = systemRows.parse(rows);
  return { systemId, timeline };
}

/**
 * Proves that a slot still holds everything after the applied position, and gives its state. Throws StreamLostError, with
 * the reason in its details, when it is gone, another one, given up by the server, on another cluster or timeline, or
 * further than what was applied: then changes were skipped, or may have been, and only a resynchronisation helps.
 */
export async function checkSlot(db: QueryPort, identity: SlotIdentity, applied: Lsn): Promise<SlotState> {
  const { slot } = identity;
  const system = await identifySystem(db);
  if (system.systemId !== identity.systemId) {
    throw new StreamLostError(slot, 'other-system', 'the server is another cluster than the one it was made on', {
      stored: identity.systemId,
      found: system.systemId,
    });
  }
  if (system.timeline !== identity.timeline) {
    throw new StreamLostError(slot, 'other-timeline', 'the server was promoted or restored since the slot was made', {
      stored: identity.timeline,
      found: system.timeline,
    });
  }
  const state = await slotState(db, slot);
  if (state === undefined) throw new StreamLostError(slot, 'slot-missing', 'the server has no such slot');
  if (state.walStatus === 'lost' || state.invalidationReason !== null) {
    const why = state.invalidationReason ?? 'it kept more of the log than max_slot_wal_keep_size allows';
    throw new StreamLostError(slot, 'slot-lost', `the server gave the slot up (${why})`, {
      invalidationReason: state.invalidationReason,
    });
  }
  const { confirmedFlushLsn: confirmed, restartLsn: restart } = state;
  const positions = {
    createdAt: identity.createdAt,
    applied: formatLsn(applied),
    confirmedFlush: confirmed === null ? null : formatLsn(confirmed),
  };
  if (
    state.plugin !== 'pgoutput' ||
    confirmed === null ||
    restart === null ||
    confirmed < parseLsn(identity.createdAt)
  ) {
    throw new StreamLostError(slot, 'slot-recreated', 'a slot of this name was made by somebody else', positions);
  }
  // A slot of ours never passes what was applied, because only that is acknowledged.
  if (restart > applied) {
    throw new StreamLostError(slot, 'slot-recreated', 'it begins after the applied position', positions);
  }
  if (confirmed > applied) {
    throw new StreamLostError(slot, 'slot-advanced', 'it was moved past the applied position', positions);
  }
  return state;
}
