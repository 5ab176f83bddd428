import type { DecisionRecord } from '@switchyard/contracts';
import { z } from 'zod';
import { execute, rows, time, type Db } from './sql.js';
import { storableJson } from './storable-json.js';

/** A decision to be recorded. */
export interface NewDecision extends DecisionRecord {
  /** More for programs; never a secret. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** A decision as the audit keeps it. */
export interface RecordedDecision extends DecisionRecord {
  /** Counts up in the order of storing; gaps mean nothing. */
  readonly number: number;
  readonly data: Readonly<Record<string, unknown>>;
  readonly storedAt: string;
}

/** Appends to the audit. A second call with the same `id` stores nothing. @returns whether this call stored it */
export async function recordDecision(db: Db, decision: NewDecision): Promise<boolean> {
  const inserted = await execute(
    db,
    `insert into switchyard.decisions (id, run_id, workflow_id, subject, decision, by, channel, reason, evidence, data, at)
     values (:id, :runId, :workflowId, :subject, :decision, :by, :channel, :reason, :evidence, :data::jsonb, :at::timestamptz)
     on conflict (id) do nothing`,
    {
      id: decision.id,
      runId: decision.runId,
      workflowId: decision.workflowId,
      subject: decision.subject,
      decision: decision.decision,
      by: decision.by,
      channel: decision.channel,
      reason: decision.reason,
      evidence: decision.evidence,
      data: storableJson(decision.data ?? {}),
      at: decision.at,
    },
  );
  return inserted > 0;
}

/** Decisions in the order of storing: all, or those of a run or about a subject (`lock:network`). */
export async function listDecisions(
  db: Db,
  options: {
    readonly runId?: string;
    readonly subject?: string;
    readonly after?: number;
    readonly limit?: number;
  } = {},
): Promise<RecordedDecision[]> {
  const conditions = ['number > :after::bigint'];
  if (options.runId !== undefined) conditions.push('run_id = :runId');
  if (options.subject !== undefined) conditions.push('subject = :subject');
  return rows(
    db,
    decisionRow,
    `select * from switchyard.decisions where ${conditions.join(' and ')} order by number limit :limit::int`,
    {
      after: options.after ?? 0,
      limit: options.limit ?? 500,
      runId: options.runId ?? null,
      subject: options.subject ?? null,
    },
  );
}

const decisionRow = z
  .object({
    id: z.string(),
    number: z.union([z.number(), z.string()]).transform(Number),
    run_id: z.string(),
    workflow_id: z.string(),
    subject: z.string(),
    decision: z.string(),
    by: z.string(),
    channel: z.string(),
    reason: z.string(),
    evidence: z.string(),
    data: z.record(z.string(), z.unknown()),
    at: time,
    stored_at: time,
  })
  .transform(({ run_id, workflow_id, stored_at, ...same }): RecordedDecision => ({
    ...same,
    runId: run_id,
    workflowId: workflow_id,
    storedAt: stored_at,
  }));
