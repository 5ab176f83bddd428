import { z } from 'zod';

const changeSchema = z.object({
  actions: z.array(z.string()),
  before: z.unknown().optional(),
  after: z.unknown().optional(),
  after_unknown: z.unknown().optional(),
  before_sensitive: z.unknown().optional(),
  after_sensitive: z.unknown().optional(),
  replace_paths: z.array(z.array(z.union([z.string(), z.number()]))).optional(),
  importing: z.unknown().optional(),
});
export type PlannedValues = z.output<typeof changeSchema>;

export const resourceChangeSchema = z.object({
  address: z.string(),
  previous_address: z.string().optional(),
  mode: z.string().default('managed'),
  type: z.string().default(''),
  deposed: z.string().optional(),
  action_reason: z.string().optional(),
  change: changeSchema,
});
export type ResourceChange = z.output<typeof resourceChangeSchema>;

/** The parts of `show -json <plan>` that are read. Holds secrets in clear text: never stored, never sent. */
export const planDocumentSchema = z.object({
  terraform_version: z.string().default(''),
  variables: z.record(z.string(), z.unknown()).default({}),
  resource_changes: z.array(resourceChangeSchema).default([]),
  /** What a refresh found different from the state. */
  resource_drift: z.array(resourceChangeSchema).default([]),
  output_changes: z.record(z.string(), changeSchema).default({}),
  configuration: z
    .object({
      root_module: z.object({ variables: z.record(z.string(), z.unknown()).default({}) }).default({ variables: {} }),
    })
    .default({ root_module: { variables: {} } }),
  // Releases before 1.8 leave these out; then a plan that could be written is complete.
  applyable: z.boolean().default(true),
  complete: z.boolean().default(true),
  errored: z.boolean().default(false),
});
export type PlanDocument = z.output<typeof planDocumentSchema>;

/**
 * Variables that the plan does not carry (ephemeral ones): apply must be given them again.
 * The plan lists every declared variable that it carries, also those that were left at their default.
 */
export function applyTimeVariables({ variables, configuration }: PlanDocument): string[] {
  return Object.keys(configuration.root_module.variables).filter((name) => !Object.hasOwn(variables, name));
}
