import { z } from 'zod';

/** Where events come from. `run` and `step` are Switchyard's own; the rest are named for the tool that speaks. */
export const EVENT_SOURCES = [
  'run',
  'step',
  'ansible',
  'terraform',
  'migration',
  'schema-change',
  'stream',
  'kubernetes',
  'http',
] as const;

/** How loud an event is: `error` for what failed, `warning` for what a person should look at. */
export const EVENT_LEVELS = ['debug', 'info', 'warning', 'error'] as const;

/** An event as its author writes it; the store adds the number and the time of storing. */
export const newEventSchema = z.strictObject({
  /** The top-level run: the Temporal workflow id of the root. */
  runId: z.string().min(1),
  /** The workflow that did it; the same as runId for a run without children. */
  workflowId: z.string().min(1),
  /** The step of the runbook, phase or tool run, when there is one. */
  step: z.string().nullable().default(null),
  attempt: z.number().int().positive().default(1),
  source: z.enum(EVENT_SOURCES),
  /** What happened, in the words of the source: `host_ok`, `apply_complete`, `changeset_applied`, `line`. */
  type: z.string().min(1),
  level: z.enum(EVENT_LEVELS).default('info'),
  /** Host, resource address, changeset or URL that it is about. */
  subject: z.string().nullable().default(null),
  /** One line for people; already masked. */
  message: z.string(),
  /** The rest for programs; already masked, at most 64 KiB as JSON. */
  data: z.record(z.string(), z.unknown()).default({}),
  /** When it happened, ISO 8601 with milliseconds, UTC. */
  at: z.iso.datetime(),
});

export type NewEvent = z.output<typeof newEventSchema>;

/** What an author may leave out. */
export type NewEventInput = z.input<typeof newEventSchema>;

/** An event as it is stored: `seq` counts from 1 without gaps within a run. */
export interface StoredEvent extends NewEvent {
  readonly seq: number;
  readonly storedAt: string;
}
