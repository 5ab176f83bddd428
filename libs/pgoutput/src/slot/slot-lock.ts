import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@switchyard/contracts';
import { advisoryLockKey } from '@switchyard/shared-db';
import { z } from 'zod';
import type { QueryPort } from './query-port.js';
import { slotState } from './slot-state.js';

/** A session that reads a slot, or is about to. */
export interface SlotHolder {
  readonly pid: number;
  /** Null when the server does not show it to our user. */
  readonly application: string | null;
  readonly client: string | null;
  readonly since: string | null;
}

const LOOK_EVERY_MS = 100;

/**
 * Takes the lock of a slot for the rest of a session, and waits until no session reads the slot: that of a killed worker
 * needs a moment to end. LockUnavailable after `waitMs`, with who holds it. The server itself keeps two from reading one
 * slot; the lock also covers what comes before, such as removing the files of a predecessor.
 */
export async function takeSlotLock(
  session: QueryPort,
  slot: string,
  { waitMs, signal }: { readonly waitMs: number; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const key = advisoryLockKey(`switchyard.slot.${slot}`);
  const deadline = performance.now() + waitMs;
  let isMine = false;
  for (;;) {
    if (!isMine) {
      const { rows } = await session.query('select pg_try_advisory_lock($1::bigint) as mine', [key]);
      isMine = z.tuple([z.object({ mine: z.boolean() })]).parse(rows)[0].mine;
    }
    if (isMine && (await slotState(session, slot))?.isActive !== true) return;
    if (performance.now() >= deadline) throw heldBy(slot, await holdersOf(session, slot, key));
    await sleep(LOOK_EVERY_MS, undefined, signal ? { signal } : {});
  }
}

const holderRows = z.array(
  z.object({
    pid: z.number(),
    application: z.string().nullable(),
    client: z.string().nullable(),
    since: z.string().nullable(),
  }),
);

async function holdersOf(session: QueryPort, slot: string, key: string): Promise<readonly SlotHolder[]> {
  const { rows } = await session.query(
    `select a.pid, a.application_name as application, host(a.client_addr) as client, a.backend_start::text as since
    from pg_stat_activity a
    where a.pid <> pg_backend_pid() and (
      a.pid = (select active_pid from pg_replication_slots where slot_name = $1)
      or a.pid in (select l.pid from pg_locks l where l.locktype = 'advisory' and l.granted and l.objsubid = 1
        and l.database = (select oid from pg_database where datname = current_database())
        and (l.classid::bigint << 32) | l.objid::bigint = $2::bigint))
    order by a.pid`,
    [slot, key],
  );
  return holderRows.parse(rows);
}

function heldBy(slot: string, holders: readonly SlotHolder[]): CodedError {
  const who = holders.map(
    ({ pid, application, client, since }) =>
      `process ${pid} of ${application ?? 'an unknown application'}${client === null ? '' : ` at ${client}`}, since ${since ?? 'some time'}`,
  );
  return new CodedError(
    'LockUnavailable',
    `The slot ${slot} is read by ${who.join(' and ') || 'a session that just ended'}; stop that reader first`,
    { details: { slot, holders } },
  );
}
