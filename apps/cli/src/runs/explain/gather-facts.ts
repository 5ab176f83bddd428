import { setTimeout as sleep } from 'node:timers/promises';
import type { RunStatus, StoredEvent } from '@switchyard/contracts';
import { listLocks, readEvents } from '@switchyard/store';
import { WorkflowNotFoundError, type WorkflowExecutionDescription } from '@temporalio/client';
import type { Session } from '../../session.js';
import { describeRun } from '../describe-run.js';
import { statusOf } from '../find-gates.js';
import { failureFacts } from '../history/failure-facts.js';
import { readHistory, timeOf } from '../history/read-history.js';
import { childrenToLookAt, type ChildFacts, type PendingActivity, type RunFacts, type WorkflowFacts } from './facts.js';

/** Parents above children above chunks of items above children: deeper than any runbook of runbooks that people keep. */
const DEEPEST = 6;

/** Milliseconds that a worker has to answer a query. */
const ANSWER_MS = 5_000;

/** Events of one workflow that are looked at: the last ones. */
const MOST_EVENTS = 500;

/** Event types that tell how a run went besides what is a warning or an error. */
const TELLING = ['step_failed', 'step_held', 'step_retried', 'undone', 'undo_failed', 'changeset_reverted'] as const;

/**
 * Gathers what explains a run: its history and those of the children that matter, what it says of itself while it
 * runs, and what the store has of it. What cannot be had is told in `missing`, not thrown.
 * @throws NotFound when there is no such run
 */
export async function gatherFacts(session: Session, runId: string): Promise<RunFacts> {
  const missing: string[] = [];
  const described = await describeRun(session, runId);
  const run = await gatherWorkflow({ session, missing }, described, 0);
  const isWaiting = run.state === 'running';
  const locks = isWaiting ? await fromStore(missing, [], async () => listLocks(session.store().db)) : [];
  return { run, locks, missing: [...new Set(missing)] };
}

interface Gathering {
  readonly session: Session;
  readonly missing: string[];
}

async function gatherWorkflow(
  gathering: Gathering,
  described: WorkflowExecutionDescription,
  depth: number,
): Promise<WorkflowFacts> {
  const { session, missing } = gathering;
  const { client } = session;
  const { workflowId, runId } = described;
  const isRunning = described.status.name === 'RUNNING';
  const [fetched, events, status] = await Promise.all([
    client.workflow.getHandle(workflowId, runId).fetchHistory(),
    fromStore(missing, [], () => telling(session, workflowId)),
    isRunning ? answer(gathering, workflowId) : null,
  ]);
  const history = readHistory(fetched);
  const loaded = new Map<string, WorkflowFacts | null>();
  if (depth < DEEPEST) {
    // One after the other: a fan-out that failed must not ask for twenty histories at once.
    for (const child of childrenToLookAt(workflowId, history)) {
      // oxlint-disable-next-line no-await-in-loop
      loaded.set(child.runId, await gatherChild(gathering, child, depth + 1));
    }
  }
  return {
    ...history,
    workflowId,
    children: history.children.map((child): ChildFacts => ({ ...child, facts: loaded.get(child.runId) ?? null })),
    events,
    status,
    pending: isRunning ? pendingOf(described) : [],
    untakenSince: isRunning ? untakenSince(described) : null,
  };
}

async function gatherChild(
  gathering: Gathering,
  child: { readonly workflowId: string; readonly runId: string },
  depth: number,
): Promise<WorkflowFacts | null> {
  const { client } = gathering.session;
  try {
    const latest = await client.workflow.getHandle(child.workflowId).describe();
    // A child may have gone on as a new execution since; another run may use its id by now.
    const first = latest.raw.workflowExecutionInfo?.firstRunId;
    const described =
      first === child.runId ? latest : await client.workflow.getHandle(child.workflowId, child.runId).describe();
    return await gatherWorkflow(gathering, described, depth);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    gathering.missing.push(`the history of ${child.workflowId} is gone: retention removed it`);
    return null;
  }
}

/** A query waits for a worker for longer than a person does. */
async function answer({ session, missing }: Gathering, workflowId: string): Promise<RunStatus | null> {
  const asked = statusOf(session.client, workflowId).catch(() => null);
  const end = new AbortController();
  const tooLate = sleep(ANSWER_MS, null, { signal: end.signal }).catch(() => null);
  const status = await Promise.race([asked, tooLate]);
  end.abort();
  if (!status) missing.push(`${workflowId} does not say where it stands: its worker does not answer`);
  return status;
}

async function telling(session: Session, workflowId: string): Promise<StoredEvent[]> {
  const { db } = session.store();
  const [loud, steps] = await Promise.all([
    allOf((after) => readEvents(db, { workflowId, minLevel: 'warning', after, limit: 1_000 })),
    allOf((after) => readEvents(db, { workflowId, types: TELLING, after, limit: 1_000 })),
  ]);
  const bySeq = new Map([...loud, ...steps].map((event) => [event.seq, event]));
  return [...bySeq.values()].toSorted((a, b) => a.seq - b.seq).slice(-MOST_EVENTS);
}

async function allOf(read: (after: number) => Promise<StoredEvent[]>): Promise<StoredEvent[]> {
  let all: StoredEvent[] = [];
  for (;;) {
    // Each page begins where the one before it ended.
    // oxlint-disable-next-line no-await-in-loop
    const page = await read(all.at(-1)?.seq ?? 0);
    all = [...all, ...page];
    if (page.length < 1_000) return all;
  }
}

async function fromStore<T>(missing: string[], otherwise: T, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    missing.push(
      `the store does not answer, so events are missing here: ${error instanceof Error ? error.message : String(error)}`,
    );
    return otherwise;
  }
}

/** PENDING_ACTIVITY_STATE_STARTED of Temporal's API. */
const STARTED = 2;

function pendingOf({ raw }: WorkflowExecutionDescription): PendingActivity[] {
  return (raw.pendingActivities ?? []).map((pending) => ({
    type: pending.activityType?.name ?? '',
    attempt: pending.attempt ?? 1,
    isRunning: Number(pending.state) === STARTED,
    lastFailure: pending.lastFailure ? failureFacts(pending.lastFailure) : null,
    nextAt: pending.nextAttemptScheduleTime ? timeOf(pending.nextAttemptScheduleTime) : null,
  }));
}

function untakenSince({ raw }: WorkflowExecutionDescription): string | null {
  const task = raw.pendingWorkflowTask;
  // A sticky task goes back to the common queue after some seconds; what is taken has a start.
  return task && !task.startedTime ? timeOf(task.originalScheduledTime ?? task.scheduledTime) : null;
}
