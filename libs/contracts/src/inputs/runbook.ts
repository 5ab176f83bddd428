import { z } from 'zod';
import { approvalPolicySchema } from '../approval-policy.js';
import { durationSchema } from '../duration.js';
import { typedFieldSchema } from '../typed-field.js';
import { lockTimeoutSchema, MOST_LOCKS } from './locks.js';
import { schemaChangeSchema } from './schema-change.js';
import { STEP_KINDS, UNDO_KINDS } from './step-kinds.js';

const name = z
  .string()
  .regex(
    /^[A-Za-z][\w-]{0,62}$/,
    'must start with a letter and hold letters, digits, dashes and underscores (at most 63)',
  );

/** A typed input of a runbook. */
export const runbookInputSchema = typedFieldSchema;
export type RunbookInput = z.output<typeof runbookInputSchema>;

/** Step `approval`. */
export const approvalStepSchema = approvalPolicySchema.safeExtend({
  title: z.string().min(1),
  show: z.array(z.string()).default([]).meta({ description: 'Lines shown to the approver; part of the evidence' }),
});

/** Step `wait`: for a time, or until a CEL condition over inputs, steps and signals holds. */
export const waitStepSchema = z
  .strictObject({
    for: durationSchema.optional(),
    signal: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'Wait for a signal of this name; its payload is the result' }),
    timeout: durationSchema.optional(),
  })
  .refine((wait) => (wait.for === undefined) !== (wait.signal === undefined), 'name one of `for` and `signal`');

/** Step `workflow`: any workflow type on any task queue, such as another team's. */
export const workflowStepSchema = z.strictObject({
  type: z.string().min(1),
  taskQueue: z.string().min(1),
  input: z.unknown().optional(),
  workflowId: z.string().min(1).optional(),
  startTimeout: durationSchema.default(60_000).meta({
    description: 'How long until a worker must have taken it: an unknown queue fails then instead of waiting for ever',
  }),
});

/** Step `runbook`: another runbook as a child run. */
export const runbookStepSchema = z.strictObject({
  runbook: z.unknown(),
  inputs: z.record(z.string(), z.unknown()).default({}),
});

/** Step `schema-change`: a change that is written in the step, or in a file that a migration-worker reads. */
export const schemaChangeStepSchema = z
  .strictObject({
    change: schemaChangeSchema.optional().meta({ description: 'The change itself, with its apiVersion and kind' }),
    file: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'Path of a change file below the project roots of the migration-worker' }),
  })
  .refine((step) => (step.change === undefined) !== (step.file === undefined), 'name one of `change` and `file`');

const uses = z.enum(STEP_KINDS);
const withValues = z.record(z.string(), z.unknown()).default({});

export const compensationSchema = z.strictObject({
  uses: z.enum(UNDO_KINDS),
  with: withValues,
});

export const stepSchema = z.strictObject({
  id: name,
  title: z.string().optional(),
  uses,
  with: withValues,
  needs: z.array(z.string()).default([]),
  when: z
    .union([z.string(), z.boolean()])
    .optional()
    .meta({ description: 'CEL over inputs, steps and item; the step is skipped when it is false' }),
  forEach: z
    .unknown()
    .optional()
    .meta({ description: 'A list, a map, or one ${{ }} that gives one; the step runs once per item' }),
  maxParallel: z.number().int().min(1).max(500).default(10).meta({ description: 'Items of forEach that run at once' }),
  retry: z
    .strictObject({
      attempts: z.number().int().min(1).max(100).default(1),
      delay: durationSchema.default(1_000),
      backoff: z.number().min(1).max(10).default(2),
      only: z.enum(['failed-hosts', 'all']).optional().meta({ description: 'For ansible: handed to AnsibleWorkflow' }),
    })
    .optional(),
  timeout: durationSchema.optional(),
  onFailure: z.enum(['fail', 'continue', 'hold', 'compensate']).optional(),
  compensate: compensationSchema.optional(),
});
export type RunbookStep = z.output<typeof stepSchema>;

/** A runbook as it is written. References, cycles and expressions are checked by `@switchyard/runbook`. */
export const runbookSchema = z.strictObject({
  apiVersion: z.literal('switchyard.dev/v1'),
  kind: z.literal('Runbook'),
  metadata: z.strictObject({
    name,
    description: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
  }),
  inputs: z.record(name, runbookInputSchema).default({}),
  onFailure: z
    .enum(['fail', 'continue', 'hold', 'compensate'])
    .default('fail')
    .meta({ description: 'What a failed step means, unless the step says otherwise' }),
  locks: z.array(z.string().min(1)).min(1).max(MOST_LOCKS).optional().meta({
    description:
      'Names such as `env/${{ inputs.env }}`, from inputs and run alone, that a run holds from before its first step to its end',
  }),
  lockTimeout: lockTimeoutSchema,
  steps: z.array(stepSchema).min(1),
});
export type Runbook = z.output<typeof runbookSchema>;

/** Input of RunbookWorkflow. */
export const runbookRunSchema = z.strictObject({
  runbook: runbookSchema,
  inputs: z.record(z.string(), z.unknown()).default({}),
});
export type RunbookRun = z.output<typeof runbookRunSchema>;

export const STEP_OUTCOMES = ['successful', 'failed', 'skipped', 'compensated'] as const;

export const stepResultSchema = z.object({
  outcome: z.enum(STEP_OUTCOMES),
  /** What the step gave; for forEach `{items: [...], succeeded, failed}`. */
  result: z.unknown(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type StepResult = z.output<typeof stepResultSchema>;

/** Result of RunbookWorkflow; the details of its failure hold the same object. */
export const runbookResultSchema = z.object({
  runId: z.string(),
  steps: z.record(z.string(), stepResultSchema),
  warnings: z.array(z.string()),
  durationMs: z.number(),
});
export type RunbookResult = z.output<typeof runbookResultSchema>;
