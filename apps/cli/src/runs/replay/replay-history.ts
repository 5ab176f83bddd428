import { DefaultLogger, Runtime, Worker, type ReplayWorkerOptions } from '@temporalio/worker';
import { eventsOf, type History, type HistoryEvent } from '../history/read-history.js';
import { idOf, nameOf } from './told-events.js';

/** Where the code of today does something else than the history says. */
export interface Difference {
  /** Number of the first event that today's code does not make. */
  readonly event: number;
  /** What it is called, such as `ActivityTaskScheduled`. */
  readonly name: string;
  /** What the SDK says of it. */
  readonly message: string;
}

/** A way to replay a history: undefined when it fits, else what was found. */
export type Replay = (history: History) => Promise<Error | undefined>;

/** Replays against the workflow code of a bundle, under the workflow id that the history was written with. */
export function replayWith(bundlePath: string, workflowId: string): Replay {
  const options: ReplayWorkerOptions = { workflowBundle: { codePath: bundlePath } };
  return async (history) => {
    try {
      await Worker.runReplayHistory(options, history, workflowId);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  };
}

/** Keeps the SDK quiet: what a replay finds is told once, by whoever asked for it. Before the first replay. */
export function quietRuntime(): void {
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: 'off' } },
  });
}

/**
 * Replays a history. Where it does not fit, the first task of the workflow whose replay fails is sought by halves, and
 * the event is that of its commands which the SDK names, else the first.
 * @throws what keeps a history from being replayed at all, such as a bundle that cannot be read
 */
export async function replayHistory(history: History, replay: Replay): Promise<Difference | null> {
  const found = await replay(history);
  if (!found) return null;
  if (!isDifference(found)) throw found;
  const events = eventsOf(history);
  const { task, error } = await firstDifferent(events, replay, found);
  const event = namedIn(error.message, events) ?? commandOf(events, task, error.message) ?? events.at(-1);
  const message = saidIn(error.message);
  return event ? { event: idOf(event), name: nameOf(event), message } : { event: 0, name: 'unknown', message };
}

/**
 * What replays throw when the code does something else, or fails. By name: their classes are part of the SDK for
 * workflow code, which programs do not load.
 */
const isDifference = ({ name }: Error): boolean => name === 'DeterminismViolationError' || name === 'ReplayError';

/** What was said first, out of the SDK's account of how the message came to it. */
function saidIn(message: string): string {
  const quoted = /Failure \{ message: ("(?:[^"\\]|\\.)*")/.exec(message)?.[1];
  if (quoted === undefined) return message;
  try {
    return String(JSON.parse(quoted));
  } catch {
    // Quoted by another language: some of its escapes are not those of JSON.
    return quoted.slice(1, -1);
  }
}

async function firstDifferent(
  events: readonly HistoryEvent[],
  replay: Replay,
  found: Error,
): Promise<{ readonly task: HistoryEvent | undefined; readonly error: Error }> {
  const tasks = events.filter((event) => event.workflowTaskCompletedEventAttributes);
  let good = -1;
  let bad = tasks.length - 1;
  let error = found;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    // Each question depends on the answer before it.
    // oxlint-disable-next-line no-await-in-loop
    const seen = await replay({ events: upTo(events, tasks[middle]) });
    if (seen && isDifference(seen)) {
      bad = middle;
      error = seen;
    } else good = middle;
  }
  return { task: tasks[bad], error };
}

/** What a worker is given that has to do the task after this one: all events until the next task was started. */
function upTo(events: readonly HistoryEvent[], task: HistoryEvent | undefined): HistoryEvent[] {
  const from = task ? events.indexOf(task) : events.length;
  const next = events.findIndex((event, at) => at > from && event.workflowTaskStartedEventAttributes);
  return events.slice(0, next === -1 ? events.length : next + 1);
}

/** The SDK names the event in some of its messages. */
function namedIn(message: string, events: readonly HistoryEvent[]): HistoryEvent | undefined {
  const id = /HistoryEvent\(id: (\d+)/.exec(message)?.[1];
  return id === undefined ? undefined : events.find((event) => idOf(event) === Number(id));
}

/** The command of a task that the message speaks of; where it speaks of none, the first; where there is none, the task. */
function commandOf(
  events: readonly HistoryEvent[],
  task: HistoryEvent | undefined,
  message: string,
): HistoryEvent | undefined {
  if (!task) return undefined;
  const from = events.indexOf(task) + 1;
  const end = events.findIndex((event, at) => at >= from && event.workflowTaskScheduledEventAttributes);
  const commands = events.slice(from, end === -1 ? events.length : end);
  const spokenOf = commands.find((event) => {
    const type = event.activityTaskScheduledEventAttributes?.activityType?.name;
    const child = event.startChildWorkflowExecutionInitiatedEventAttributes?.workflowId;
    return [type, child].some((name) => name && message.includes(`'${name}'`));
  });
  return spokenOf ?? commands[0] ?? task;
}
