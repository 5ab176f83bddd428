import type { DriftAcknowledgement, Drifted } from '@switchyard/contracts';
import { z } from 'zod';
import { recordDecision } from './decisions.js';
import type { LockOwner } from './locks/lock.js';
import { rows, time, type Db } from './sql.js';
import { storableJson } from './storable-json.js';

/** Drift that a stack has now, as far as it was looked at. */
export interface KnownDrift {
  /** `drift:<stack>:<workspace>`. */
  readonly subject: string;
  readonly digest: string;
  /** When it was first found, and by which run. */
  readonly since: string;
  readonly runId: string;
  readonly drifted: readonly Drifted[];
  /** Null when nobody said that it is known, or the time is over. */
  readonly acknowledged: DriftAcknowledgement | null;
}

const SEEN = 'drift-seen';
const GONE = 'drift-gone';
const ACKNOWLEDGED = 'drift-acknowledged';

/** Drift is remembered in the audit: what was found, when it was gone, and who said that it is known. */
const CURRENT = /* sql */ `
select seen.subject, seen.evidence, seen.id, seen.decision, seen.run_id, seen.at, seen.data,
       ack.by as ack_by, ack.reason as ack_reason, ack.data->>'until' as ack_until
  from (select distinct on (subject) * from switchyard.decisions
         where decision in ('${SEEN}', '${GONE}') and (:subject::text is null or subject = :subject)
         order by subject, number desc) as seen
  left join lateral (
    select * from switchyard.decisions as said
     where said.subject = seen.subject and said.decision = '${ACKNOWLEDGED}' and said.evidence = seen.evidence
       and (said.data->>'until')::timestamptz > now()
     order by said.number desc limit 1) as ack on true
 order by seen.subject`;

const currentRow = z.object({
  subject: z.string(),
  evidence: z.string(),
  id: z.string(),
  decision: z.string(),
  run_id: z.string(),
  at: time,
  data: z.object({ drifted: z.array(z.custom<Drifted>()).default([]) }),
  ack_by: z.string().nullable(),
  ack_reason: z.string().nullable(),
  ack_until: z.string().nullable(),
});

function acknowledgementOf(
  row: Pick<z.output<typeof currentRow>, 'ack_by' | 'ack_reason' | 'ack_until'>,
): DriftAcknowledgement | null {
  const { ack_by: by, ack_reason: reason, ack_until: until } = row;
  return by === null || until === null ? null : { by, reason: reason ?? '', until };
}

/** Remembers a look in the same statement that tells what the one before has found: nothing can come between. */
const NOTE = /* sql */ `
with before as (
  select id, decision, evidence from switchyard.decisions
   where subject = :subject and decision in ('${SEEN}', '${GONE}')
   order by number desc limit 1),
noted as (
  insert into switchyard.decisions (id, run_id, workflow_id, subject, decision, by, channel, reason, evidence, data, at)
  select :id, :runId, :workflowId, :subject, :decision, 'switchyard', 'store', :reason, :evidence, :data::jsonb,
         :at::timestamptz
   where case :decision when '${SEEN}'
         then not exists (select from before where decision = '${SEEN}' and evidence = :evidence)
         else exists (select from before where decision = '${SEEN}') end
  on conflict (id) do nothing)
select not exists (
         select from before where decision = '${SEEN}' and evidence = :evidence and id <> :id) as is_other,
       ack.by as ack_by, ack.reason as ack_reason, ack.data->>'until' as ack_until
  from (values (1)) as one
  left join lateral (
    select * from switchyard.decisions as said
     where said.subject = :subject and said.decision = '${ACKNOWLEDGED}' and said.evidence = :evidence
       and (said.data->>'until')::timestamptz > now()
     order by said.number desc limit 1) as ack on true`;

const notedRow = z.object({
  is_other: z.boolean(),
  ack_by: z.string().nullable(),
  ack_reason: z.string().nullable(),
  ack_until: z.string().nullable(),
});

/**
 * Remembers what a look at a stack has found. The caller holds the lock of the stack, so that looks follow each other.
 * @param options.digest null when nothing has drifted
 * @returns whether this is not what the look before has found; the same again for the same run, whose answer may have
 * been lost. Drift that comes back within the time of an acknowledgement is still the one that was acknowledged.
 */
export async function noteDrift(
  db: Db,
  options: {
    readonly subject: string;
    readonly run: LockOwner & { readonly runId: string };
    readonly digest: string | null;
    readonly drifted: readonly Drifted[];
  },
): Promise<{ readonly isNew: boolean; readonly acknowledged: DriftAcknowledgement | null }> {
  const { subject, run, digest, drifted } = options;
  const [noted] = await rows(db, notedRow, NOTE, {
    id: `${run.executionId}/drift/${digest ?? 'gone'}`,
    runId: run.runId,
    workflowId: run.workflowId,
    subject,
    decision: digest === null ? GONE : SEEN,
    reason: digest === null ? 'the stack is as its state says' : `${drifted.length} differ from the state`,
    evidence: digest ?? '',
    data: storableJson({ drifted: drifted.slice(0, MOST_NAMED) }),
    at: new Date().toISOString(),
  });
  if (digest === null || noted === undefined) return { isNew: false, acknowledged: null };
  return { isNew: noted.is_other, acknowledged: acknowledgementOf(noted) };
}

const MOST_NAMED = 200;

/** Keeps that a person knows of a drift, until a moment. A second call with the same `id` stores nothing. */
export async function acknowledgeDrift(
  db: Db,
  options: {
    readonly id: string;
    readonly subject: string;
    readonly runId: string;
    readonly digest: string;
    readonly until: Date;
    readonly by: string;
    readonly channel: string;
    readonly reason: string;
  },
): Promise<DriftAcknowledgement> {
  const { id, subject, runId, digest, by, channel, reason } = options;
  const until = options.until.toISOString();
  const kept = { id, subject, runId, workflowId: runId, by, channel, reason, evidence: digest };
  await recordDecision(db, { ...kept, decision: ACKNOWLEDGED, data: { until }, at: new Date().toISOString() });
  return { by, reason, until };
}

/** Every stack that has drifted, as far as it was looked at, by name. */
export async function listDrift(db: Db): Promise<KnownDrift[]> {
  const found = await rows(db, currentRow, CURRENT, { subject: null });
  return found
    .filter(({ decision }) => decision === SEEN)
    .map((row) => ({
      subject: row.subject,
      digest: row.evidence,
      since: row.at,
      runId: row.run_id,
      drifted: row.data.drifted,
      acknowledged: acknowledgementOf(row),
    }));
}
