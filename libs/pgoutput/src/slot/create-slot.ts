import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@switchyard/contracts';
import { sqlStateOf, toDatabaseError } from '@switchyard/shared-db';
import { z } from 'zod';
import { tell } from '../tell.js';
import { dropSlot } from './drop-slot.js';
import { identifySystem, type SlotIdentity } from './identity.js';
import type { QueryPort } from './query-port.js';
import { slotName } from './slot-state.js';

/** A transaction that has to end before a slot can be made. */
export interface Blocker {
  /** Process of the server; null for a prepared transaction, which has none. */
  readonly pid: number | null;
  /** Its application_name, or the name of the prepared transaction. */
  readonly name: string;
  /** `active`, `idle in transaction`, `prepared`. */
  readonly state: string;
  /** Since its transaction began. */
  readonly seconds: number;
}

/** Options of {@link createSlot}. */
export interface CreateSlotOptions {
  /** Lower-case letters, digits, underscores. */
  readonly slot: string;
  /** Publications that the stream will name. They must exist: a slot cannot see one that is younger than itself. */
  readonly publications: readonly [string, ...string[]];
  /** One connection of its own, outside of a transaction, that the server keeps busy while it waits. */
  readonly session: QueryPort;
  /** Another connection: it looks at who is in the way, and cancels. */
  readonly observer: QueryPort;
  /** Milliseconds until LockUnavailable. Default: 60 000. The server waits for every transaction that writes. */
  readonly waitMs?: number;
  /** Called again and again while transactions are in the way, with all that are at this moment. */
  readonly onBlocked?: (blockers: readonly Blocker[]) => void;
  readonly signal?: AbortSignal;
}

const LOOK_EVERY_MS = 250;

/**
 * Makes a permanent slot for pgoutput and gives its identity; `createdAt` is the first applied position. When it fails, ends
 * by its time or is aborted, no slot is left. Refuses with NotFound when a publication is missing and with PreflightRefused
 * when the slot exists already or the server cannot decode.
 */
export async function createSlot(options: CreateSlotOptions): Promise<SlotIdentity> {
  const { session, observer, publications, waitMs = 60_000, onBlocked, signal } = options;
  const slot = slotName(options.slot);
  signal?.throwIfAborted();
  await refuseMissing(session, publications, slot);
  const system = await identifySystem(session);
  const pid = await backendPid(session);
  let blockers: readonly Blocker[] = [];
  const look = async (): Promise<void> => {
    if (signal?.aborted) await observer.query('select pg_cancel_backend($1)', [pid]);
    const seen = await blockersOf(observer, pid);
    if (seen.length > 0) tell(onBlocked, (blockers = seen));
  };
  try {
    const createdAt = await create(session, { slot, waitMs, look });
    if (signal?.aborted) await dropSlot(session, slot);
    signal?.throwIfAborted();
    return { slot, ...system, createdAt };
  } catch (error) {
    signal?.throwIfAborted();
    throw creationError(error, slot, waitMs, blockers);
  }
}

async function refuseMissing(db: QueryPort, publications: readonly string[], slot: string): Promise<void> {
  const { rows } = await db.query(
    `select name from unnest($1::text[]) as wanted(name) where not exists (select from pg_publication where pubname = name)`,
    [publications],
  );
  const missing = z
    .array(z.object({ name: z.string() }))
    .parse(rows)
    .map(({ name }) => name);
  if (missing.length === 0) return;
  throw new CodedError(
    'NotFound',
    `The publication ${missing.join(', ')} does not exist; make it before the slot ${slot}, which could never see one that is younger than itself`,
    { details: { slot, publications: missing } },
  );
}

async function backendPid(session: QueryPort): Promise<number> {
  const { rows } = await session.query('select pg_backend_pid() as pid');
  return z.tuple([z.object({ pid: z.number() })]).parse(rows)[0].pid;
}

/** In a transaction, so that its limits end with it. The slot is none of the transaction's business and stays. */
async function create(
  session: QueryPort,
  { slot, waitMs, look }: { slot: string; waitMs: number; look: () => Promise<void> },
): Promise<string> {
  await session.query('begin');
  try {
    await session.query(`select set_config('statement_timeout', $1, true), set_config('lock_timeout', '0', true)`, [
      String(Math.max(1, Math.round(waitMs))),
    ]);
    const creating = session.query(`select lsn::text from pg_create_logical_replication_slot($1::name, 'pgoutput')`, [
      slot,
    ]);
    const { rows } = await whileLooking(creating, look);
    return z.tuple([z.object({ lsn: z.string() })]).parse(rows)[0].lsn;
  } finally {
    await session.query('rollback').catch(() => undefined);
  }
}

/** Looks again and again until the work has settled. The last look is over then: a cancel never meets the next statement. */
async function whileLooking<T>(work: Promise<T>, look: () => Promise<void>): Promise<T> {
  const over = new AbortController();
  const looking = (async () => {
    for (;;) {
      await sleep(LOOK_EVERY_MS, undefined, { signal: over.signal });
      // An observer that fails takes the view away, not the slot: the server's own time limit still holds.
      await look().catch(() => undefined);
    }
  })().catch(() => undefined);
  try {
    return await work;
  } finally {
    over.abort();
    await looking;
  }
}

const blockerRows = z.array(
  z.object({ pid: z.number().nullable(), name: z.string(), state: z.string(), seconds: z.number() }),
);

async function blockersOf(observer: QueryPort, pid: number): Promise<readonly Blocker[]> {
  // A prepared transaction shows as process 0; it is found by the number that is waited for.
  const { rows } = await observer.query(
    `select a.pid, coalesce(a.application_name, '') as name, coalesce(a.state, '') as state,
    coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::float8 as seconds
    from pg_stat_activity a where a.pid = any(pg_blocking_pids($1))
    union all
    select null, p.gid, 'prepared', extract(epoch from clock_timestamp() - p.prepared)::float8
    from pg_prepared_xacts p join pg_locks l on l.transactionid = p.transaction
    where l.pid = $1 and not l.granted
    order by seconds desc`,
    [pid],
  );
  return blockerRows.parse(rows);
}

function creationError(error: unknown, slot: string, waitMs: number, blockers: readonly Blocker[]): CodedError {
  const details = { slot, blockers };
  switch (sqlStateOf(error)) {
    case '57014': {
      const who = blockers
        .map(({ pid, name }) => (pid === null ? `prepared "${name}"` : `${pid} (${name})`))
        .join(', ');
      const words = who === '' ? 'a transaction' : who;
      return new CodedError(
        'LockUnavailable',
        `The slot ${slot} could not be made within ${waitMs} ms: it has to wait for transactions that write, and ${words} did not end`,
        { cause: error, details },
      );
    }
    case '42710':
      return new CodedError('PreflightRefused', `A slot ${slot} exists already; drop it, or take another name`, {
        cause: error,
        details,
      });
    case '53400':
      return new CodedError(
        'PreflightRefused',
        `The server has no room for the slot ${slot}: drop one that nobody needs, or raise max_replication_slots and restart it`,
        { cause: error, details },
      );
    case '55000':
      return new CodedError(
        'PreflightRefused',
        `The server cannot decode its log: set wal_level to logical and restart it`,
        {
          cause: error,
          details,
        },
      );
    default:
      return toDatabaseError(error, { action: `make the slot ${slot}` });
  }
}
