import { z } from 'zod';
import { durationSchema } from './duration.js';
import { throttleSchema } from './inputs/schema-change.js';
import { waitingForSchema } from './status.js';

/** Who sends a message: set by the gateway after sign-in, or by the CLI. Without it the sender is unauthenticated. */
export const senderSchema = z.strictObject({
  identity: z.string().min(1),
  channel: z.string().min(1),
  groups: z.array(z.string()).max(200).optional().meta({ description: 'What sign-in says of the sender' }),
});
export type Sender = z.output<typeof senderSchema>;

const by = senderSchema.optional();
const reason = z.string().default('');

/** Payloads of the updates that every top-level workflow answers. */
export const UPDATES = {
  approve: z.strictObject({
    gate: z.string(),
    evidence: z.string(),
    reason,
    fields: z.record(z.string(), z.unknown()).optional().meta({ description: 'Answers that the gate asks for' }),
    by,
  }),
  reject: z.strictObject({ gate: z.string(), reason, by }),
  /** Takes an own approval back, until what it lets through begins. */
  revoke: z.strictObject({ gate: z.string(), reason, by }),
  pause: z.strictObject({ reason, by }),
  resume: z.strictObject({ by }),
  abort: z.strictObject({ reason, by }),
  retry: z.strictObject({
    step: z.string(),
    hosts: z.union([z.literal('failed'), z.array(z.string())]).optional(),
    by,
  }),
  skip: z.strictObject({ step: z.string(), reason, by }),
} as const;

/** Updates that a schema change answers beside {@link UPDATES}. */
export const SCHEMA_CHANGE_UPDATES = {
  /** How hard the backfill may press, from now on. What is left out stays. */
  tune: z.strictObject({
    chunkTarget: durationSchema.optional(),
    throttle: throttleSchema.partial().optional(),
    by,
  }),
} as const;

/** Queries that a schema change answers beside `status`. */
export const SCHEMA_CHANGE_QUERIES = {
  /** What an abort would do now, and what would be lost. */
  abortPreview: 'abortPreview',
  /** The result as far as it is known. */
  report: 'report',
  /** The plan as it was made at the beginning; null before. */
  plan: 'plan',
} as const;

export type UpdateName = keyof typeof UPDATES;
export type UpdatePayload<N extends UpdateName> = z.output<(typeof UPDATES)[N]>;

/** What an accepted update answers: one sentence for people. */
export interface UpdateReply {
  readonly accepted: true;
  readonly message: string;
}

/** Signals with a fixed meaning; a signal named like a gate approves that gate. */
export const SIGNALS = {
  pause: 'pause',
  resume: 'resume',
  abort: 'abort',
  childReport: 'switchyardChildReport',
  progress: 'switchyardProgress',
} as const;

export const STATUS_QUERY = 'status';

/** Memo fields of every run that Switchyard starts. */
export const MEMO = {
  /** Who started the run: compared with approvers where self-approval is off. */
  startedBy: 'switchyardStartedBy',
  /** Set on children: where to report what they wait for. */
  reportTo: 'switchyardReportTo',
  /** Set on children: the executions above them that hold locks, which count as theirs. */
  locksAbove: 'switchyardLocksAbove',
} as const;

/** What a child tells its parent when it begins or ends to wait. */
export const childReportSchema = z.object({
  step: z.string(),
  workflowId: z.string(),
  type: z.string(),
  waitingFor: waitingForSchema.nullable(),
});
export type ChildReport = z.output<typeof childReportSchema>;

/** What an activity tells its own workflow about a long step; sent at most every few seconds, for it costs history. */
export const progressReportSchema = z.object({
  step: z.string(),
  progress: z.number().min(0).max(100),
  detail: z.string().optional(),
  /** What the step waits for from now on; null: it goes on. Left out, nothing changes. */
  waitingFor: waitingForSchema.nullable().optional(),
});
export type ProgressReport = z.output<typeof progressReportSchema>;

/** Identity that is recorded for a message without a sender. */
export const UNAUTHENTICATED = 'unauthenticated';
