import { z } from 'zod';
import { approvalPolicySchema } from '../approval-policy.js';
import { durationSchema } from '../duration.js';
import { pathSchema, withSpellings } from './caller-spelling.js';
import { gitPinSchema, placeSchema } from './git-source.js';
import { terraformPoliciesSchema } from './terraform-policies.js';

export const TERRAFORM_ACTIONS = ['plan', 'apply', 'destroy'] as const;
export const TERRAFORM_ENGINES = ['terraform', 'tofu'] as const;
export const UNSAVED_STATE_ACTIONS = ['ask', 'keep'] as const;

const address = z.string().trim().min(1, 'must not be empty');

/** The fields of TerraformWorkflow's input, for workflows about the same stacks. */
export const terraformFields = z.strictObject({
  stack: placeSchema({
    path: pathSchema.meta({ description: 'Directory below a project root, or inside the repository' }),
  }).meta({ description: 'The root module, on the worker or in git' }),
  workspace: z
    .string()
    .regex(/^[\w.-]{1,90}$/, 'must be 1 to 90 letters, digits, dots, dashes or underscores')
    .default('default'),
  vars: z
    .record(z.string().regex(/^[A-Za-z_][\w-]*$/), z.unknown())
    .default({})
    .meta({ description: 'Input variables; a value may be {"$secret": "name"}' }),
  varFiles: z.array(pathSchema).default([]).meta({ description: 'Variable files, relative to the stack' }),
  action: z.enum(TERRAFORM_ACTIONS).default('apply'),
  targets: z.array(address).optional().meta({
    description: 'Addresses: only these, and what they need, are planned; with destroy also what needs them',
  }),
  engine: z.enum(TERRAFORM_ENGINES).optional().meta({ description: 'Default: whichever the worker has' }),
  approval: approvalPolicySchema
    .optional()
    .meta({ description: 'Without it the plan is applied without asking; a plan without changes never asks' }),
  policies: terraformPoliciesSchema.optional(),
  unsavedState: z.enum(UNSAVED_STATE_ACTIONS).optional().meta({
    description:
      'A state that apply could not save: `ask` people whether to push it, or only `keep` it; default `ask` with `approval`, else `keep`',
  }),
  parallelism: z.number().int().min(1).max(100).optional(),
  lockTimeout: durationSchema.default(30_000).meta({ description: 'How long to wait for the lock of the state' }),
  timeout: durationSchema.default(60 * 60_000).meta({ description: 'For one of init, plan and apply; default 1h' }),
});

/** Input of TerraformWorkflow. */
export const terraformInputSchema = withSpellings(terraformFields, {});
export type TerraformInput = z.output<typeof terraformInputSchema>;
/** What a TypeScript caller writes. */
export type TerraformInputGiven = z.input<typeof terraformFields>;

export const planChangesSchema = z.object({
  add: z.number().int(),
  change: z.number().int(),
  destroy: z.number().int(),
  replace: z.number().int(),
});
export type PlanChanges = z.output<typeof planChangesSchema>;

/**
 * An output: its value, or for a sensitive one, and for one that is too large for a result, only a reference to an
 * artifact that holds it encrypted. `bytes` is the length of the artifact.
 */
export const stackOutputSchema = z.union([
  z.object({ value: z.unknown(), sensitive: z.literal(false) }),
  z.object({ ref: z.string(), sensitive: z.literal(true) }),
  z.object({ ref: z.string(), sensitive: z.literal(false), bytes: z.number().int() }),
]);

export const terraformResultSchema = z.object({
  runId: z.string(),
  action: z.enum(TERRAFORM_ACTIONS),
  planDigest: z.string(),
  applied: z.boolean(),
  changes: planChangesSchema,
  outputs: z.record(z.string(), stackOutputSchema),
  stateSerial: z.number().int().nullable(),
  durationMs: z.number(),
  /** With a stack from git: the commit that was planned and applied. */
  source: gitPinSchema.optional(),
});
export type TerraformResult = z.output<typeof terraformResultSchema>;
