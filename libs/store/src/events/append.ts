import { randomUUID } from 'node:crypto';
import type { NewEventInput } from '@switchyard/contracts';
import { z } from 'zod';
import { createListener, type Listener } from '../listener.js';
import { constraintOf, count, rows, sqlState, UNIQUE_VIOLATION, type Db } from '../sql.js';
import { encodeEvent, type EncodedEvent } from './encode.js';

/** The channel that is notified with the run id when events of a run were stored. */
export const EVENTS_CHANNEL = 'switchyard_events';

/** Hears for which runs events were stored. */
export const createEventListener = (db: Db): Listener => createListener(db, EVENTS_CHANNEL);

/** What one run got from a batch. */
export interface AppendedRun {
  readonly runId: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** True for what had been stored before: this call stored none of it. */
  readonly repeated: boolean;
}

/** Options of {@link appendEvents}. */
export interface AppendOptions {
  readonly events: readonly NewEventInput[];
  /** Names each event, in their order: one that is stored already is not stored again. Default: no names. */
  readonly keys?: readonly string[];
}

/**
 * Stores events in one statement: all or none, numbered without gaps per run in the order given, each run notified.
 * Give it the database and not a transaction: a batch that another call stores at the same moment is found by its
 * unique key, and the statement is then made again.
 * @throws CodedError InvalidInput for an event that does not fit; errors of the database as they are
 */
export async function appendEvents(db: Db, { events, keys }: AppendOptions): Promise<AppendedRun[]> {
  const encoded = events.map((event, i) => encodeEvent(event, keys?.[i]));
  return appendEncoded(db, { batchId: randomUUID(), events: encoded });
}

/** {@link appendEvents} for events that were checked already. A second call with the same `batchId` stores nothing. */
export async function appendEncoded(
  db: Db,
  batch: { readonly batchId: string; readonly events: readonly EncodedEvent[] },
): Promise<AppendedRun[]> {
  if (batch.events.length === 0) return [];
  const params = { batchId: batch.batchId, events: `[${batch.events.map((e) => e.json).join(',')}]` };
  try {
    return await rows(db, appendedRow, APPEND, params);
  } catch (error) {
    if (sqlState(error) !== UNIQUE_VIOLATION || constraintOf(error) !== 'event_batches_pkey') throw error;
    // Some of it was under way twice and another call was first: now it is known. Each time a call more has ended.
    return appendEncoded(db, batch);
  }
}

const appendedRow = z
  .object({ run_id: z.string(), first_seq: count, last_seq: count, repeated: z.boolean() })
  .transform((r): AppendedRun => ({
    runId: r.run_id,
    firstSeq: r.first_seq,
    lastSeq: r.last_seq,
    repeated: r.repeated,
  }));

// Counters are taken in the order of run ids, so that two batches with the same runs never wait for each other.
const APPEND = /* sql */ `
with input as (
  select * from rows from (json_to_recordset(:events::json) as (
    "runId" text, "workflowId" text, step text, attempt int, source text, type text, level text,
    subject text, message text, data jsonb, at timestamptz, key text
  )) with ordinality
  as i (run_id, workflow_id, step, attempt, source, type, level, subject, message, data, at, key, place)
),
batches as (
  select run_id, coalesce(key, :batchId::text) as batch_id, count(*) as events, min(place) as place
    from input group by 1, 2
),
known as (
  select run_id, batch_id, b.first_seq, b.last_seq from switchyard.event_batches b join batches using (run_id, batch_id)
),
fresh as (
  select run_id, batch_id, events, sum(events) over (partition by run_id) as total,
         sum(events) over (partition by run_id order by place) as upto
    from batches where (run_id, batch_id) not in (select run_id, batch_id from known)
),
counted as (
  insert into switchyard.run_counters as c (run_id, last_seq)
  select distinct run_id, total from fresh order by run_id
  on conflict (run_id) do update set last_seq = c.last_seq + excluded.last_seq, updated_at = now()
  returning run_id, last_seq
),
booked as (
  insert into switchyard.event_batches (run_id, batch_id, first_seq, last_seq)
  select run_id, batch_id, last_seq - total + upto - events + 1, last_seq - total + upto
    from fresh join counted using (run_id)
  returning run_id, batch_id, first_seq, last_seq
),
stored as (
  insert into switchyard.events
    (run_id, seq, workflow_id, step, attempt, source, type, level, subject, message, data, at)
  select i.run_id, b.first_seq - 1 + row_number() over (partition by b.run_id, b.batch_id order by i.place),
         i.workflow_id, i.step, i.attempt, i.source, i.type, i.level, i.subject, i.message, i.data, i.at
    from input i join booked b on b.run_id = i.run_id and b.batch_id = coalesce(i.key, :batchId::text)
)
select run_id, min(first_seq) as first_seq, max(last_seq) as last_seq, false as repeated,
       pg_notify('${EVENTS_CHANNEL}', run_id)::text
  from booked group by run_id
union all
select run_id, min(first_seq), max(last_seq), true, null from known group by run_id`;
