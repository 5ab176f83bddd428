import { SEARCH_ATTRIBUTES } from '@switchyard/contracts';
import type { Client } from '@temporalio/client';

/** A run in a list. */
export interface ListedRun {
  readonly runId: string;
  readonly kind: string;
  readonly target: string;
  /** RUNNING, COMPLETED, FAILED, CANCELED, TERMINATED, TIMED_OUT. */
  readonly status: string;
  readonly phase: string;
  /** What it waits for, such as `approval plan`; empty when it waits for nothing. */
  readonly waiting: string;
  readonly startedAt: string;
  readonly closedAt: string | null;
}

/** Options of {@link listRuns}. */
export interface ListOptions {
  readonly kind?: string | undefined;
  /** Only runs that are under way. */
  readonly open?: boolean | undefined;
  /** Only runs that wait for a person. */
  readonly waiting?: boolean | undefined;
  readonly limit: number;
}

/** Top-level runs, those that wait for a person first, then the newest. */
export async function listRuns(client: Client, options: ListOptions): Promise<ListedRun[]> {
  // A run that has continued as new is the execution that it is now.
  const conditions = [`${SEARCH_ATTRIBUTES.kind} is not null`, `ExecutionStatus != 'ContinuedAsNew'`];
  if (options.kind !== undefined)
    conditions.push(`${SEARCH_ATTRIBUTES.kind} = '${options.kind.replaceAll("'", "''")}'`);
  if (options.open) conditions.push(`ExecutionStatus = 'Running'`);
  if (options.waiting) conditions.push(`${SEARCH_ATTRIBUTES.waiting} is not null and ExecutionStatus = 'Running'`);
  const found: ListedRun[] = [];
  for await (const run of client.workflow.list({ query: conditions.join(' and '), pageSize: 200 })) {
    if (run.parentExecution !== undefined) continue;
    const attributes = new Map(run.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, String(value)]));
    const isOpen = run.status.name === 'RUNNING';
    found.push({
      runId: run.workflowId,
      kind: attributes.get(SEARCH_ATTRIBUTES.kind) ?? '',
      target: attributes.get(SEARCH_ATTRIBUTES.target) ?? '',
      status: run.status.name,
      phase: attributes.get(SEARCH_ATTRIBUTES.phase) ?? '',
      waiting: isOpen ? (attributes.get(SEARCH_ATTRIBUTES.waiting) ?? '') : '',
      startedAt: run.startTime.toISOString(),
      closedAt: run.closeTime?.toISOString() ?? null,
    });
    if (found.length >= options.limit) break;
  }
  return found.toSorted((a, b) => rank(a) - rank(b) || b.startedAt.localeCompare(a.startedAt));
}

const rank = (run: ListedRun): number => (run.waiting ? 0 : run.status === 'RUNNING' ? 1 : 2);
