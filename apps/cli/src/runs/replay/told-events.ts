import { failureFacts, type HistoryFailure } from '../history/failure-facts.js';
import { eventsOf, timeOf, type History, type HistoryEvent } from '../history/read-history.js';

/** One thing that happened in a run, as its history has it. */
export interface ToldEvent {
  /** Number of the event in the history. */
  readonly id: number;
  /** Milliseconds since the start of the execution. */
  readonly atMs: number;
  readonly text: string;
}

/** The number of an event. */
export const idOf = (event: HistoryEvent): number => Number(String(event.eventId ?? 0));

/** What an event is called, such as `ActivityTaskScheduled`. */
export function nameOf(event: HistoryEvent): string {
  const key = Object.keys(event).find((name) => name.endsWith('EventAttributes')) ?? 'unknownEventAttributes';
  return key.charAt(0).toUpperCase() + key.slice(1, -'EventAttributes'.length);
}

/** What happened in a run, without the book-keeping between its worker and the server. */
export function toldEvents(history: History): ToldEvent[] {
  const events = eventsOf(history);
  const zero = Date.parse(timeOf(events[0]?.eventTime));
  const names = namesOf(events);
  return events.flatMap((event): ToldEvent[] => {
    const text = textOf(event, names);
    return text === undefined ? [] : [{ id: idOf(event), atMs: Date.parse(timeOf(event.eventTime)) - zero, text }];
  });
}

/** What the events that end something speak of, by the number of the event that began it. */
function namesOf(events: readonly HistoryEvent[]): ReadonlyMap<string, string> {
  return new Map(
    events.flatMap((event): [string, string][] => {
      const activity = event.activityTaskScheduledEventAttributes?.activityType?.name;
      const update = event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input?.name;
      const name = activity ?? update;
      return name ? [[String(idOf(event)), name]] : [];
    }),
  );
}

const why = (failure: HistoryFailure | null | undefined): string => {
  if (!failure) return '';
  const { code, message } = failureFacts(failure);
  return `: ${code}: ${message.split('\n')[0] ?? ''}`;
};

const secondsOf = (
  time: { seconds?: { toString(): string } | null; nanos?: number | null } | null | undefined,
): string => `${Number(String(time?.seconds ?? 0)) + (time?.nanos ?? 0) / 1e9} s`;

function textOf(event: HistoryEvent, names: ReadonlyMap<string, string>): string | undefined {
  const named = (id: { toString(): string } | null | undefined): string => names.get(String(id ?? '')) ?? '';
  return workflowText(event) ?? activityText(event, named) ?? childText(event) ?? messageText(event, named);
}

function workflowText(event: HistoryEvent): string | undefined {
  const started = event.workflowExecutionStartedEventAttributes;
  if (started) return `${started.workflowType?.name ?? ''} started`;
  const timer = event.timerStartedEventAttributes;
  if (timer) return `timer of ${secondsOf(timer.startToFireTimeout)}`;
  if (event.timerFiredEventAttributes) return 'timer fired';
  const failedTask = event.workflowTaskFailedEventAttributes;
  if (failedTask) return `workflow task failed${why(failedTask.failure)}`;
  if (event.workflowExecutionCompletedEventAttributes) return 'completed';
  const failed = event.workflowExecutionFailedEventAttributes;
  if (failed) return `failed${why(failed.failure)}`;
  if (event.workflowExecutionCanceledEventAttributes) return 'cancelled';
  if (event.workflowExecutionTerminatedEventAttributes) return 'terminated';
  if (event.workflowExecutionTimedOutEventAttributes) return 'timed out';
  if (event.workflowExecutionContinuedAsNewEventAttributes) return 'goes on as a new execution';
  return event.workflowExecutionCancelRequestedEventAttributes ? 'was asked to cancel' : undefined;
}

type Named = (id: { toString(): string } | null | undefined) => string;

function activityText(event: HistoryEvent, named: Named): string | undefined {
  const scheduled = event.activityTaskScheduledEventAttributes;
  if (scheduled) return `activity ${scheduled.activityType?.name ?? ''}`;
  const completed = event.activityTaskCompletedEventAttributes;
  if (completed) return `activity ${named(completed.scheduledEventId)} completed`;
  const failed = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
  if (failed) return `activity ${named(failed.scheduledEventId)} failed${why(failed.failure)}`;
  const cancelled = event.activityTaskCanceledEventAttributes;
  return cancelled ? `activity ${named(cancelled.scheduledEventId)} cancelled` : undefined;
}

function childText(event: HistoryEvent): string | undefined {
  const begun = event.startChildWorkflowExecutionInitiatedEventAttributes;
  if (begun) return `child ${begun.workflowType?.name ?? ''} ${begun.workflowId ?? ''}`;
  const completed = event.childWorkflowExecutionCompletedEventAttributes;
  if (completed) return `child ${completed.workflowExecution?.workflowId ?? ''} completed`;
  const failed = event.childWorkflowExecutionFailedEventAttributes;
  if (failed) return `child ${failed.workflowExecution?.workflowId ?? ''} failed${why(failed.failure)}`;
  const other =
    event.childWorkflowExecutionCanceledEventAttributes ??
    event.childWorkflowExecutionTerminatedEventAttributes ??
    event.childWorkflowExecutionTimedOutEventAttributes;
  return other ? `child ${other.workflowExecution?.workflowId ?? ''} was ended` : undefined;
}

function messageText(event: HistoryEvent, named: Named): string | undefined {
  const signal = event.workflowExecutionSignaledEventAttributes;
  if (signal) return `signal ${signal.signalName ?? ''}`;
  const accepted = event.workflowExecutionUpdateAcceptedEventAttributes;
  if (accepted) return `update ${accepted.acceptedRequest?.input?.name ?? ''}`;
  const completed = event.workflowExecutionUpdateCompletedEventAttributes;
  if (!completed) return undefined;
  const { failure } = completed.outcome ?? {};
  return `update ${named(completed.acceptedEventId)} ${failure ? `refused${why(failure)}` : 'answered'}`;
}
