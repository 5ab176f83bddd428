import { z } from 'zod';
import { approvalPolicySchema } from '../approval-policy.js';
import { durationSchema } from '../duration.js';
import { senderSchema } from '../messages.js';
import { withSpellings } from './caller-spelling.js';
import { gitPinSchema } from './git-source.js';
import { notificationSchema } from './migration.js';
import { terraformFields } from './terraform.js';

export const TERRAFORM_REMEDIATIONS = ['never', 'approval', 'automatic'] as const;

const fields = terraformFields
  .pick({
    stack: true,
    workspace: true,
    vars: true,
    varFiles: true,
    engine: true,
    policies: true,
    parallelism: true,
    lockTimeout: true,
    timeout: true,
  })
  .extend({
    remediate: z.enum(TERRAFORM_REMEDIATIONS).default('never').meta({
      description: 'Whether the stack is applied when it has drifted: never, when people approve the plan, or at once',
    }),
    approval: approvalPolicySchema
      .optional()
      .meta({ description: 'Who must approve with `remediate: approval`; default one person' }),
    notify: notificationSchema.optional().meta({ description: 'Who is told of drift that was not there before' }),
  });

/** Input of TerraformDriftWorkflow. */
export const terraformDriftInputSchema = withSpellings(
  fields.superRefine(({ approval, remediate }, ctx) => {
    if (approval === undefined || remediate === 'approval') return;
    ctx.addIssue({ code: 'custom', path: ['approval'], message: `nobody is asked with \`remediate: ${remediate}\`` });
  }),
  {},
);
export type TerraformDriftInput = z.output<typeof terraformDriftInputSchema>;
/** What a TypeScript caller writes. */
export type TerraformDriftInputGiven = z.input<typeof fields>;

/** What differs from the state: an object, or `output.<name>`. */
export const driftedSchema = z.object({ address: z.string(), action: z.enum(['update', 'delete', 'create']) });
export type Drifted = z.output<typeof driftedSchema>;

/** A person's word that a drift is known, until a moment. */
export const driftAcknowledgementSchema = z.object({ by: z.string(), reason: z.string(), until: z.string() });
export type DriftAcknowledgement = z.output<typeof driftAcknowledgementSchema>;

export const terraformDriftResultSchema = z.object({
  runId: z.string(),
  /** `known`: the same drift was found before. `acknowledged`: somebody said so, and nothing is done about it. */
  drift: z.enum(['none', 'new', 'known', 'acknowledged']),
  /** Under which name the drift of this stack and workspace is remembered. */
  subject: z.string(),
  /** Digest of everything that differs; null without drift. */
  driftDigest: z.string().nullable(),
  /** The worst 200: what is gone first, then by address. */
  drifted: z.array(driftedSchema),
  /** How many there are in all. Absent in results of earlier releases. */
  driftedCount: z.number().int().optional(),
  /** Digest of the artifact that names all of them; null where `drifted` does. Absent as above. */
  driftedList: z.string().nullable().optional(),
  acknowledged: driftAcknowledgementSchema.nullable(),
  remediation: z.object({ runId: z.string(), planDigest: z.string(), applied: z.boolean() }).nullable(),
  durationMs: z.number(),
  /** With a stack from git: the commit that was compared. */
  source: gitPinSchema.optional(),
});
export type TerraformDriftResult = z.output<typeof terraformDriftResultSchema>;

/** Updates that a drift run answers beside those of every run. */
export const TERRAFORM_DRIFT_UPDATES = {
  /** The drift is known: nothing is done about it until the time is over. Taken while the run waits for an approval. */
  acknowledge: z.strictObject({
    digest: z.string().meta({ description: 'The drift that is meant' }),
    for: durationSchema,
    reason: z.string().trim().min(1, 'must say why'),
    by: senderSchema.optional(),
  }),
} as const;
