import { z } from 'zod';
import { rows, time, type Db } from '../sql.js';
import { storableJson } from '../storable-json.js';

/** What can be known of a host in one execution. */
export const HOST_STATES = ['pending', 'running', 'ok', 'failed', 'unreachable', 'skipped'] as const;
export type HostState = (typeof HOST_STATES)[number];

/** The states that end a host's part in one attempt. */
export const FINAL_HOST_STATES = ['ok', 'failed', 'unreachable', 'skipped'] as const;
export type FinalHostState = (typeof FINAL_HOST_STATES)[number];

/** Which execution: `executionId` is the first Temporal run id, so that a workflow id used again starts afresh. */
export interface ExecutionRef {
  readonly executionId: string;
  readonly runId: string;
  readonly workflowId: string;
}

/** The inventory of one execution as it was resolved the first time. */
export interface HostSnapshot extends ExecutionRef {
  readonly inventoryDigest: string;
  readonly createdAt: string;
}

/** One host's row. */
export interface LedgerHost {
  readonly host: string;
  readonly state: HostState;
  readonly batch: number | null;
  /** 0 before it was started. */
  readonly attempt: number;
  /** What the tool counted: ok, changed, failed and so on. */
  readonly counts: Readonly<Record<string, number>>;
  readonly message: string | null;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
}

/**
 * Writes down the hosts of an execution as pending, in one statement. A second call changes nothing, also with other
 * hosts: the first resolution holds for the whole execution.
 * @returns the snapshot that holds, and whether this call made it
 */
export async function snapshotHosts(
  db: Db,
  options: ExecutionRef & { readonly inventoryDigest: string; readonly hosts: readonly string[] },
): Promise<HostSnapshot & { readonly isNew: boolean }> {
  const { executionId, runId, workflowId, inventoryDigest, hosts } = options;
  const made = await rows(
    db,
    snapshotRow,
    `with snapshot as (
       insert into switchyard.host_snapshots (execution_id, run_id, workflow_id, inventory_digest)
       values (:executionId, :runId, :workflowId, :inventoryDigest)
       on conflict (execution_id) do nothing returning *
     ), pending as (
       insert into switchyard.host_ledger (execution_id, host)
       select distinct s.execution_id, h.host from snapshot s, unnest(:hosts::text[]) as h (host)
     ) select * from snapshot`,
    { executionId, runId, workflowId, inventoryDigest, hosts },
  );
  const snapshot = made[0] ?? (await snapshotOf(db, { executionId }));
  if (!snapshot) throw new Error(`host snapshot of execution ${executionId} was removed while it was made`);
  return { ...snapshot, isNew: made.length > 0 };
}

/** The snapshot of an execution; undefined before it was made. */
export async function snapshotOf(db: Db, options: { readonly executionId: string }): Promise<HostSnapshot | undefined> {
  const found = await rows(
    db,
    snapshotRow,
    'select * from switchyard.host_snapshots where execution_id = :executionId',
    {
      executionId: options.executionId,
    },
  );
  return found[0];
}

/**
 * Marks hosts as running and returns those that may run: never one that is ok, nor one with a final result of this or
 * a later attempt. A caller runs only what it gets back.
 */
export async function startHosts(
  db: Db,
  options: {
    readonly executionId: string;
    readonly hosts: readonly string[];
    readonly batch: number;
    readonly attempt: number;
  },
): Promise<string[]> {
  const started = await rows(
    db,
    z.object({ host: z.string() }),
    `update switchyard.host_ledger
        set state = 'running', batch = :batch::int, attempt = :attempt::int, counts = '{}', message = null,
            started_at = now(), ended_at = null
      where execution_id = :executionId and host = any(:hosts::text[])
        and ((state in ('pending', 'running') and attempt <= :attempt::int)
          or (state in ('failed', 'unreachable', 'skipped') and attempt < :attempt::int))
      returning host`,
    { ...options, hosts: options.hosts },
  );
  return started.map((row) => row.host).toSorted();
}

/** The outcome of a host. */
export interface HostResult {
  readonly host: string;
  readonly state: FinalHostState;
  readonly attempt: number;
  readonly counts?: Readonly<Record<string, number>>;
  /** One line, already masked. */
  readonly message?: string;
  /** The batch it belongs to, for a host that was never started (skipped). Default: as it is. */
  readonly batch?: number;
}

/**
 * Stores final results in one statement and returns the hosts whose result was taken. A result is refused when the host
 * is ok already, has a final result of this attempt, or belongs to a later one: a worker that was presumed dead and
 * wakes up again overwrites nothing.
 */
export async function finishHosts(
  db: Db,
  options: { readonly executionId: string; readonly results: readonly HostResult[] },
): Promise<string[]> {
  const finished = await rows(
    db,
    z.object({ host: z.string() }),
    `update switchyard.host_ledger h
        set state = r.state, attempt = r.attempt, counts = coalesce(r.counts, '{}'), message = r.message,
            batch = coalesce(r.batch, h.batch), ended_at = now()
       from json_to_recordset(:results::json)
         as r (host text, state text, attempt int, counts jsonb, message text, batch int)
      where h.execution_id = :executionId and h.host = r.host
        and ((h.state in ('pending', 'running') and h.attempt <= r.attempt)
          or (h.state in ('failed', 'unreachable', 'skipped') and h.attempt < r.attempt))
      returning h.host`,
    { executionId: options.executionId, results: storableJson(options.results) },
  );
  return finished.map((row) => row.host).toSorted();
}

/** The hosts of an execution by name, all or those in some states. */
export async function hostsOf(
  db: Db,
  options: { readonly executionId: string; readonly states?: readonly HostState[] },
): Promise<LedgerHost[]> {
  return rows(
    db,
    hostRow,
    `select host, state, batch, attempt, counts, message, started_at, ended_at from switchyard.host_ledger
      where execution_id = :executionId and state = any(:states::text[]) order by host collate "C"`,
    { executionId: options.executionId, states: options.states ?? HOST_STATES },
  );
}

/** The hosts without a final result: what runs again after a crash. */
export async function unfinishedHosts(db: Db, options: { readonly executionId: string }): Promise<LedgerHost[]> {
  return hostsOf(db, { executionId: options.executionId, states: ['pending', 'running'] });
}

/**
 * The newest execution that a caller means with a run id: the one whose own workflow id it is, or else the newest below
 * that run. For `retryOf`.
 */
export async function latestExecution(db: Db, options: { readonly runId: string }): Promise<HostSnapshot | undefined> {
  const found = await rows(
    db,
    snapshotRow,
    `select * from switchyard.host_snapshots where workflow_id = :runId or run_id = :runId
      order by workflow_id = :runId desc, created_at desc limit 1`,
    { runId: options.runId },
  );
  return found[0];
}

const snapshotRow = z
  .object({
    execution_id: z.string(),
    run_id: z.string(),
    workflow_id: z.string(),
    inventory_digest: z.string(),
    created_at: time,
  })
  .transform((r): HostSnapshot => ({
    executionId: r.execution_id,
    runId: r.run_id,
    workflowId: r.workflow_id,
    inventoryDigest: r.inventory_digest,
    createdAt: r.created_at,
  }));

const hostRow = z
  .object({
    host: z.string(),
    state: z.enum(HOST_STATES),
    batch: z.number().nullable(),
    attempt: z.number(),
    counts: z.record(z.string(), z.number()),
    message: z.string().nullable(),
    started_at: time.nullable(),
    ended_at: time.nullable(),
  })
  .transform(({ started_at, ended_at, ...same }): LedgerHost => ({
    ...same,
    startedAt: started_at,
    endedAt: ended_at,
  }));
