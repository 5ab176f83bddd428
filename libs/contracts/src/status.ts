import { z } from 'zod';
import { typedFieldSchema } from './typed-field.js';

export const RUN_STATES = ['running', 'waiting', 'paused', 'compensating', 'done'] as const;
export const STEP_STATES = ['pending', 'running', 'waiting', 'done', 'failed', 'skipped', 'compensated'] as const;
export const GATE_STATES = ['closed', 'open', 'approved', 'rejected', 'expired'] as const;
export const CONDITION_STATES = ['pass', 'fail', 'pending', 'unknown'] as const;

/** One condition of a gate. `unknown` counts as fail. */
export const conditionSchema = z.object({
  name: z.string(),
  required: z.string(),
  observed: z.string(),
  state: z.enum(CONDITION_STATES),
  source: z.string(),
  at: z.string(),
});
export type Condition = z.output<typeof conditionSchema>;

/** A recorded human decision at a gate, bound to the digest of the evidence shown. */
export const decisionSchema = z.object({
  by: z.string(),
  channel: z.string(),
  decision: z.enum(['approve', 'reject']),
  reason: z.string(),
  at: z.string(),
  evidence: z.string(),
  /** Answers to what the gate asks for. */
  fields: z.record(z.string(), z.unknown()).optional(),
  /** Groups of the policy that the decision speaks for; on its way in: what sign-in says of the sender. */
  groups: z.array(z.string()).optional(),
});
export type Decision = z.output<typeof decisionSchema>;

export const gateStatusSchema = z.object({
  name: z.string(),
  title: z.string(),
  state: z.enum(GATE_STATES),
  /** Digest of what the gate shows, `sha256:` and 64 hex digits; `approve` takes it. */
  evidence: z.string(),
  /** What was shown, in lines for people. */
  shown: z.array(z.string()),
  required: z.number().int(),
  openedAt: z.string().nullable(),
  expiresAt: z.string().nullable(),
  conditions: z.array(conditionSchema),
  decisions: z.array(decisionSchema),
  /** Who may decide, where the policy names groups: those that must agree, and the further one once it is asked. */
  groups: z
    .array(
      z.object({
        name: z.string(),
        members: z.array(z.string()),
        required: z.number().int(),
        approvals: z.number().int(),
        /** Asked after an escalation: its approval alone is enough. */
        isFurther: z.boolean(),
      }),
    )
    .optional(),
  /** When the further group will be asked, and when it was; for a policy with `escalation`. */
  escalatesAt: z.string().nullable().optional(),
  escalatedAt: z.string().nullable().optional(),
  /** What approvers must answer, and the answers so far with defaults; for a policy with `fields`. */
  fields: z.record(z.string(), typedFieldSchema).optional(),
  answers: z.record(z.string(), z.unknown()).optional(),
});
export type GateStatus = z.output<typeof gateStatusSchema>;

export const waitingForSchema = z.object({
  kind: z.enum(['approval', 'condition', 'lock', 'person']),
  name: z.string(),
  since: z.string(),
});
export type WaitingFor = z.output<typeof waitingForSchema>;

export const stepStatusSchema = z.object({
  id: z.string(),
  title: z.string(),
  state: z.enum(STEP_STATES),
  attempt: z.number().int(),
  progress: z.number().min(0).max(100).optional(),
  detail: z.string().optional(),
  startedAt: z.string().optional(),
  endedAt: z.string().optional(),
  /** Children that work for this step: the runs to look into, and what they wait for. */
  children: z
    .array(z.object({ workflowId: z.string(), type: z.string(), waitingFor: waitingForSchema.nullable() }))
    .optional(),
});
export type StepStatus = z.output<typeof stepStatusSchema>;

/** The answer to the query `status` of every top-level workflow. */
export const runStatusSchema = z.object({
  kind: z.string(),
  title: z.string(),
  runId: z.string(),
  state: z.enum(RUN_STATES),
  phase: z.string(),
  progress: z.number().min(0).max(100),
  steps: z.array(stepStatusSchema),
  gates: z.array(gateStatusSchema),
  waitingFor: waitingForSchema.nullable(),
  pausedBy: z.string().nullable(),
  warnings: z.array(z.string()),
  startedAt: z.string(),
  updatedAt: z.string(),
});
export type RunStatus = z.output<typeof runStatusSchema>;
