import { z } from 'zod';
import { execute, rows, time, type Db } from '../sql.js';
import { storableJson } from '../storable-json.js';
import type { ExecutionRef } from './hosts.js';

/** What an apply did to a resource. */
export const RESOURCE_STATES = ['started', 'completed', 'failed'] as const;
export type ResourceState = (typeof RESOURCE_STATES)[number];

/** One change of one resource in one execution. A replacement is two: delete and create. */
export interface LedgerResource {
  readonly address: string;
  readonly action: string;
  readonly state: ResourceState;
  readonly attempt: number;
  /** The provider's id of it, once told: what an import block needs for an orphan. */
  readonly resourceId: string | null;
  readonly message: string | null;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

/** Writes down that changes began (`apply_start`). A later attempt begins them again; an earlier one changes nothing. */
export async function startResources(
  db: Db,
  options: ExecutionRef & {
    readonly attempt: number;
    readonly resources: readonly { readonly address: string; readonly action: string; readonly resourceId?: string }[];
  },
): Promise<number> {
  return execute(
    db,
    `insert into switchyard.resource_ledger as l
       (execution_id, address, action, run_id, workflow_id, state, attempt, resource_id)
     select distinct on (r.address, r.action)
            :executionId, r.address, r.action, :runId, :workflowId, 'started', :attempt::int, r."resourceId"
       from json_to_recordset(:resources::json) as r (address text, action text, "resourceId" text)
     on conflict (execution_id, address, action) do update
        set state = 'started', attempt = excluded.attempt, message = null, started_at = now(), ended_at = null,
            resource_id = coalesce(excluded.resource_id, l.resource_id)
      where l.attempt < excluded.attempt`,
    {
      executionId: options.executionId,
      runId: options.runId,
      workflowId: options.workflowId,
      attempt: options.attempt,
      resources: storableJson(options.resources),
    },
  );
}

/** The end of a change. */
export interface ResourceResult {
  readonly address: string;
  readonly action: string;
  readonly state: 'completed' | 'failed';
  readonly resourceId?: string;
  /** One line, already masked. */
  readonly message?: string;
}

/** Writes down that changes ended (`apply_complete`, `apply_errored`) in the attempt that began them. */
export async function completeResources(
  db: Db,
  options: { readonly executionId: string; readonly attempt: number; readonly results: readonly ResourceResult[] },
): Promise<number> {
  return execute(
    db,
    `update switchyard.resource_ledger l
        set state = r.state, message = r.message, ended_at = now(), resource_id = coalesce(r."resourceId", l.resource_id)
       from json_to_recordset(:results::json) as r (address text, action text, state text, "resourceId" text, message text)
      where l.execution_id = :executionId and l.address = r.address and l.action = r.action
        and l.attempt = :attempt::int and l.state = 'started'`,
    { executionId: options.executionId, attempt: options.attempt, results: storableJson(options.results) },
  );
}

/** The changes of an execution in the order of their beginning. Those still `started` had no end: reconcile them. */
export async function resourcesOf(
  db: Db,
  options: {
    readonly executionId: string;
    /** Only the changes of this resource; default all. */
    readonly address?: string;
    readonly states?: readonly ResourceState[];
  },
): Promise<LedgerResource[]> {
  return rows(
    db,
    resourceRow,
    `select address, action, state, attempt, resource_id, message, started_at, ended_at from switchyard.resource_ledger
      where execution_id = :executionId and state = any(:states::text[]) and (:address::text is null or address = :address)
      order by started_at, address collate "C", action`,
    {
      executionId: options.executionId,
      address: options.address ?? null,
      states: options.states ?? RESOURCE_STATES,
    },
  );
}

const resourceRow = z
  .object({
    address: z.string(),
    action: z.string(),
    state: z.enum(RESOURCE_STATES),
    attempt: z.number(),
    resource_id: z.string().nullable(),
    message: z.string().nullable(),
    started_at: time,
    ended_at: time.nullable(),
  })
  .transform(({ resource_id, started_at, ended_at, ...same }): LedgerResource => ({
    ...same,
    resourceId: resource_id,
    startedAt: started_at,
    endedAt: ended_at,
  }));
