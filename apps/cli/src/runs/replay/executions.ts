import { WorkflowNotFoundError, type Client } from '@temporalio/client';
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

type Part = Pick<Execution, 'runId' | 'history' | 'read'>;

/** An execution with those that it went on from and those that went on from it, oldest first. */
async function chainOf(client: Client, run: { readonly workflowId: string; readonly runId: string }): Promise<Part[]> {
  const { workflowId } = run;
  const here = await partOf(client, workflowId, run.runId);
  const chain = [here];
  // Each names the one before it, and the one after it.
  for (let id = here.read?.continuedFrom ?? null; id !== null; id = chain[0]?.read?.continuedFrom ?? null)
    // oxlint-disable-next-line no-await-in-loop
    chain.unshift(await partOf(client, workflowId, id));
  for (let id = here.read?.continuedTo ?? null; id !== null; id = chain.at(-1)?.read?.continuedTo ?? null)
    // oxlint-disable-next-line no-await-in-loop
    chain.push(await partOf(client, workflowId, id));
  return chain;
}

async function partOf(client: Client, workflowId: string, runId: string): Promise<Part> {
  const history = await fetchOrNull(client, workflowId, runId);
  return { runId, history, read: history && readHistory(history) };
}

async function fetchOrNull(client: Client, workflowId: string, runId: string): Promise<History | null> {
  try {
    return await client.workflow.getHandle(workflowId, runId).fetchHistory();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
