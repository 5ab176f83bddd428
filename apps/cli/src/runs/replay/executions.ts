import type { Client } from '@temporalio/client';
import { readHistory, type History, type ReadHistory } from '../history/read-history.js';

/** One execution of a run: the run itself, one that it went on from, or a child. */
export interface Execution {
  readonly workflowId: string;
  readonly runId: string;
  /** 0 for the run, 1 for its children. */
  readonly depth: number;
  /** Null when retention has removed it. */
  readonly history: History | null;
  readonly read: ReadHistory | null;
}

/**
 * All executions of a run: those that it went on from first, each followed by its children. One after the other, as they
 * are read: a run may have thousands.
 * @param options.withChildren whether the children come too
 */
export async function* executionsOf(
  client: Client,
  run: { readonly workflowId: string; readonly runId: string },
  options: { readonly withChildren: boolean; readonly depth?: number },
): AsyncGenerator<Execution> {
  const { depth = 0, withChildren } = options;
  const chain = await chainOf(client, run);
  for (const { runId, history, read } of chain) {
    yield { workflowId: run.workflowId, runId, depth, history, read };
    if (!withChildren) continue;
    for (const child of read?.children ?? []) yield* executionsOf(client, child, { withChildren, depth: depth + 1 });
  }
}

/** An execution and those before it, oldest first. */
async function chainOf(client: Client, run: { readonly workflowId: string; readonly runId: string }) {
  const chain: Pick<Execution, 'runId' | 'history' | 'read'>[] = [];
  let runId: string | null = run.runId;
  while (runId !== null) {
    // Each names the one before it.
    // oxlint-disable-next-line no-await-in-loop
    const history: History | null = await fetchOrNull(client, run.workflowId, runId);
    const read: ReadHistory | null = history && readHistory(history);
    chain.unshift({ runId, history, read });
    runId = read?.continuedFrom ?? null;
  }
  return chain;
}

async function fetchOrNull(client: Client, workflowId: string, runId: string): Promise<History | null> {
  try {
    return await client.workflow.getHandle(workflowId, runId).fetchHistory();
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowNotFoundError') return null;
    throw error;
  }
}
