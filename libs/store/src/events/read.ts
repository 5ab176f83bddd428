import { EVENT_LEVELS, EVENT_SOURCES, type StoredEvent } from '@switchyard/contracts';
import { z } from 'zod';
import { count, rows, time, type Db } from '../sql.js';

export type EventLevel = (typeof EVENT_LEVELS)[number];
export type EventSource = (typeof EVENT_SOURCES)[number];

/** Which events: of a run with all its children, or of one workflow; the other fields narrow it. */
export interface EventFilter {
  readonly runId?: string;
  readonly workflowId?: string;
  readonly step?: string;
  readonly subject?: string;
  readonly sources?: readonly EventSource[];
  readonly types?: readonly string[];
  /** The quietest level to give: `warning` gives warnings and errors. */
  readonly minLevel?: EventLevel;
}

/** Options of {@link readEvents}. Name a run, a workflow, or both. */
export type ReadOptions = EventFilter &
  ({ readonly runId: string } | { readonly workflowId: string }) & {
    /** Only events with a higher number. Default 0: from the start. */
    readonly after?: number;
    /** Most events to give, at most 10,000. Default 500. */
    readonly limit?: number;
  };

/** Reads events in the order of their numbers. A page shorter than `limit` is the last one for now. */
export async function readEvents(db: Db, options: ReadOptions): Promise<StoredEvent[]> {
  const conditions = ['seq > :after::bigint'];
  if (options.runId !== undefined) conditions.push('run_id = :runId');
  if (options.workflowId !== undefined) conditions.push('workflow_id = :workflowId');
  if (options.step !== undefined) conditions.push('step = :step');
  if (options.subject !== undefined) conditions.push('subject = :subject');
  if (options.sources) conditions.push('source = any(:sources::text[])');
  if (options.types) conditions.push('type = any(:types::text[])');
  if (options.minLevel) conditions.push('level = any(:levels::text[])');
  return rows(
    db,
    eventRow,
    `select run_id, seq, workflow_id, step, attempt, source, type, level, subject, message, data, at, stored_at
       from switchyard.events where ${conditions.join(' and ')} order by seq limit :limit::int`,
    {
      after: options.after ?? 0,
      limit: Math.min(options.limit ?? 500, 10_000),
      runId: options.runId ?? null,
      workflowId: options.workflowId ?? null,
      step: options.step ?? null,
      subject: options.subject ?? null,
      sources: options.sources ?? [],
      types: options.types ?? [],
      levels: options.minLevel ? EVENT_LEVELS.slice(EVENT_LEVELS.indexOf(options.minLevel)) : [],
    },
  );
}

const eventRow = z
  .object({
    run_id: z.string(),
    seq: count,
    workflow_id: z.string(),
    step: z.string().nullable(),
    attempt: z.number(),
    source: z.enum(EVENT_SOURCES),
    type: z.string(),
    level: z.enum(EVENT_LEVELS),
    subject: z.string().nullable(),
    message: z.string(),
    data: z.record(z.string(), z.unknown()),
    at: time,
    stored_at: time,
  })
  .transform(({ run_id, workflow_id, stored_at, ...same }): StoredEvent => ({
    ...same,
    runId: run_id,
    workflowId: workflow_id,
    storedAt: stored_at,
  }));
