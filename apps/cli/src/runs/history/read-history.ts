import type { WorkflowHandle } from '@temporalio/client';
import { failureFacts, type FailureFacts, type HistoryFailure } from './failure-facts.js';

/** A history as the client gives it. */
export type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;

/** One event of a history. */
export type HistoryEvent = NonNullable<NonNullable<History['events']>[number]>;

export const EXECUTION_STATES = [
  'running',
  'completed',
  'failed',
  'cancelled',
  'terminated',
  'timed-out',
  'continued',
] as const;

/** How an execution stands; `continued` is one that went on as a new one. */
export type ExecutionState = (typeof EXECUTION_STATES)[number];

/** A child as the history of its parent knows it. */
export interface ChildInHistory {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
  readonly state: ExecutionState;
  readonly failure: FailureFacts | null;
  /** When it ended, ISO 8601; null while it runs. */
  readonly endedAt: string | null;
}

/** An activity that failed for good. */
export interface FailedActivity {
  readonly type: string;
  readonly attempts: number;
  readonly failure: FailureFacts | null;
  readonly at: string;
}

/** What one history says of its execution. */
export interface ReadHistory {
  readonly type: string;
  readonly taskQueue: string;
  readonly startedAt: string;
  readonly closedAt: string | null;
  readonly state: ExecutionState;
  readonly failure: FailureFacts | null;
  readonly children: readonly ChildInHistory[];
  readonly failedActivities: readonly FailedActivity[];
  /** Why its last workflow task failed, when no task has succeeded since: a defect of the code, or code that has changed. */
  readonly brokenTask: string | null;
  /** The execution that this one goes on from. */
  readonly continuedFrom: string | null;
  /** The execution that goes on from this one. */
  readonly continuedTo: string | null;
}

type Time = { seconds?: { toString(): string } | null; nanos?: number | null } | null | undefined;

/** The moment of an event, ISO 8601. */
export const timeOf = (time: Time): string =>
  new Date(Number(String(time?.seconds ?? 0)) * 1_000 + Math.floor((time?.nanos ?? 0) / 1e6)).toISOString();

const numberOf = (value: { toString(): string } | null | undefined): number => Number(String(value ?? 0));

/** The events of a history, without the gaps that its type allows. */
export const eventsOf = (history: History): HistoryEvent[] => (history.events ?? []).filter((event) => event !== null);

/** Reads a history: how it stands, what failed in it, and the children that it started. */
export function readHistory(history: History): ReadHistory {
  const events = eventsOf(history);
  const started = events[0]?.workflowExecutionStartedEventAttributes;
  const ending = endingOf(events.at(-1));
  return {
    type: started?.workflowType?.name ?? '',
    taskQueue: started?.taskQueue?.name ?? '',
    startedAt: timeOf(events[0]?.eventTime),
    closedAt: ending.state === 'running' ? null : timeOf(events.at(-1)?.eventTime),
    ...ending,
    children: childrenIn(events),
    failedActivities: failedActivitiesIn(events),
    brokenTask: brokenTaskIn(events),
    continuedFrom: started?.continuedExecutionRunId || null,
    continuedTo: events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId || null,
  };
}

const factsOf = (failure: HistoryFailure | null | undefined): FailureFacts | null =>
  failure ? failureFacts(failure) : null;

const without = (code: 'Cancelled' | 'TimedOut', message: string): FailureFacts => ({
  code,
  message,
  details: null,
  activity: null,
});

function endingOf(last: HistoryEvent | undefined): Pick<ReadHistory, 'state' | 'failure'> {
  if (last?.workflowExecutionCompletedEventAttributes) return { state: 'completed', failure: null };
  if (last?.workflowExecutionFailedEventAttributes)
    return { state: 'failed', failure: factsOf(last.workflowExecutionFailedEventAttributes.failure) };
  if (last?.workflowExecutionCanceledEventAttributes)
    return { state: 'cancelled', failure: without('Cancelled', 'the run was cancelled') };
  if (last?.workflowExecutionTerminatedEventAttributes) {
    const { reason, identity } = last.workflowExecutionTerminatedEventAttributes;
    const why = reason ? `: ${reason}` : '';
    return {
      state: 'terminated',
      failure: without('Cancelled', `${identity ?? 'somebody'} terminated the run${why}`),
    };
  }
  if (last?.workflowExecutionTimedOutEventAttributes)
    return { state: 'timed-out', failure: without('TimedOut', 'the run took longer than its execution time-out') };
  if (last?.workflowExecutionContinuedAsNewEventAttributes) return { state: 'continued', failure: null };
  return { state: 'running', failure: null };
}

function childrenIn(events: readonly HistoryEvent[]): ChildInHistory[] {
  // By the number of the event that asked for them: a workflow id may be used twice.
  const children = new Map<number, ChildInHistory>();
  for (const event of events) {
    const begun = event.childWorkflowExecutionStartedEventAttributes;
    if (begun) {
      children.set(numberOf(begun.initiatedEventId), {
        workflowId: begun.workflowExecution?.workflowId ?? '',
        runId: begun.workflowExecution?.runId ?? '',
        type: begun.workflowType?.name ?? '',
        state: 'running',
        failure: null,
        endedAt: null,
      });
    }
    const ended = childEnding(event);
    const known = ended && children.get(ended.initiated);
    if (known)
      children.set(ended.initiated, {
        ...known,
        state: ended.state,
        failure: ended.failure,
        endedAt: timeOf(event.eventTime),
      });
  }
  return [...children.values()];
}

function childEnding(
  event: HistoryEvent,
): { readonly initiated: number; readonly state: ExecutionState; readonly failure: FailureFacts | null } | undefined {
  const completed = event.childWorkflowExecutionCompletedEventAttributes;
  if (completed) return { initiated: numberOf(completed.initiatedEventId), state: 'completed', failure: null };
  const failed = event.childWorkflowExecutionFailedEventAttributes;
  if (failed)
    return { initiated: numberOf(failed.initiatedEventId), state: 'failed', failure: factsOf(failed.failure) };
  const cancelled = event.childWorkflowExecutionCanceledEventAttributes;
  if (cancelled)
    return {
      initiated: numberOf(cancelled.initiatedEventId),
      state: 'cancelled',
      failure: without('Cancelled', 'was cancelled'),
    };
  const terminated = event.childWorkflowExecutionTerminatedEventAttributes;
  if (terminated)
    return {
      initiated: numberOf(terminated.initiatedEventId),
      state: 'terminated',
      failure: without('Cancelled', 'was terminated'),
    };
  const timedOut = event.childWorkflowExecutionTimedOutEventAttributes;
  if (timedOut)
    return {
      initiated: numberOf(timedOut.initiatedEventId),
      state: 'timed-out',
      failure: without('TimedOut', 'took longer than its execution time-out'),
    };
  return undefined;
}

function failedActivitiesIn(events: readonly HistoryEvent[]): FailedActivity[] {
  const types = new Map<number, string>();
  const attempts = new Map<number, number>();
  const failed: FailedActivity[] = [];
  for (const event of events) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) types.set(numberOf(event.eventId), scheduled.activityType?.name ?? '');
    const started = event.activityTaskStartedEventAttributes;
    if (started) attempts.set(numberOf(started.scheduledEventId), started.attempt ?? 1);
    const ended = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
    if (!ended) continue;
    const id = numberOf(ended.scheduledEventId);
    failed.push({
      type: types.get(id) ?? '',
      attempts: attempts.get(id) ?? 1,
      failure: factsOf(ended.failure),
      at: timeOf(event.eventTime),
    });
  }
  return failed;
}

function brokenTaskIn(events: readonly HistoryEvent[]): string | null {
  const last = events.findLast(
    (event) => event.workflowTaskFailedEventAttributes ?? event.workflowTaskCompletedEventAttributes,
  );
  const failure = last?.workflowTaskFailedEventAttributes?.failure;
  return failure ? failureFacts(failure).message : null;
}
