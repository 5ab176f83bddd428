import type { WorkflowHandle } from '@temporalio/client';
import { median, tenth } from './statistics.ts';

/** Moments of one run, in milliseconds since its start. */
export interface RunTimes {
  /** Until the worker began with the first workflow task. */
  readonly firstTaskMs: number;
  /** Until the run was closed. */
  readonly closedMs: number;
  readonly activities: readonly ActivityTimes[];
}

export interface ActivityTimes {
  readonly type: string;
  readonly scheduledMs: number;
  readonly startedMs: number;
  readonly completedMs: number;
}

/** Reads a closed run's history: where its time went, by the clock of the server. */
export async function runTimes(handle: WorkflowHandle): Promise<RunTimes> {
  const { events = [] } = await handle.fetchHistory();
  const list = events ?? [];
  const zero = timeOf(list[0]?.eventTime);
  const at = (event: (typeof list)[number] | undefined): number => timeOf(event?.eventTime) - zero;
  const scheduled = new Map<string, { type: string; scheduledMs: number }>();
  const started = new Map<string, number>();
  const activities: ActivityTimes[] = [];
  for (const event of list) {
    const id = String(event.eventId);
    if (event.activityTaskScheduledEventAttributes) {
      const type = event.activityTaskScheduledEventAttributes.activityType?.name ?? '';
      scheduled.set(id, { type, scheduledMs: at(event) });
    }
    const start = event.activityTaskStartedEventAttributes;
    if (start) started.set(String(start.scheduledEventId), at(event));
    const end = event.activityTaskCompletedEventAttributes ?? event.activityTaskFailedEventAttributes;
    const begun = scheduled.get(String(end?.scheduledEventId));
    if (end && begun) {
      const startedMs = started.get(String(end.scheduledEventId)) ?? begun.scheduledMs;
      activities.push({ ...begun, startedMs, completedMs: at(event) });
    }
  }
  const firstTask = list.find((event) => event.workflowTaskStartedEventAttributes);
  return { firstTaskMs: at(firstTask), closedMs: at(list.at(-1)), activities };
}

type Timestamp = { seconds?: { toString(): string } | null; nanos?: number | null } | null | undefined;

const timeOf = (time: Timestamp): number => Number(String(time?.seconds ?? 0)) * 1_000 + (time?.nanos ?? 0) / 1e6;

/** Medians over many runs of the same shape, to one line per part. Milliseconds. */
export function breakdown(runs: readonly RunTimes[]): Record<string, number> {
  const parts = new Map<string, number[]>();
  const add = (name: string, value: number): void => void parts.set(name, [...(parts.get(name) ?? []), value]);
  for (const run of runs) {
    add('until the first workflow task', run.firstTaskMs);
    add('until closed', run.closedMs);
    const seen = new Map<string, number>();
    for (const { type, scheduledMs, startedMs, completedMs } of run.activities) {
      const count = (seen.get(type) ?? 0) + 1;
      seen.set(type, count);
      const name = `${type} ${count}`;
      add(`${name}: scheduled at`, scheduledMs);
      add(`${name}: until a worker took it`, startedMs - scheduledMs);
      add(`${name}: worked`, completedMs - startedMs);
      add(`${name}: completed before the end`, run.closedMs - completedMs);
    }
  }
  return Object.fromEntries([...parts].map(([name, values]) => [name, tenth(median(values))]));
}
