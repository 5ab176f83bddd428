import { z } from 'zod';

const pattern = z
  .string()
  .min(1, 'must not be empty')
  .regex(/^\S+$/, 'must not hold blanks')
  .meta({ description: '`*` stands for any text' });

/** Rules that a plan must keep before anybody is asked about it. A rule that is left out asks nothing. */
export const terraformPoliciesSchema = z
  .strictObject({
    forbidDestroy: z
      .array(pattern)
      .default([])
      .meta({ description: 'Resource types whose objects may neither be destroyed nor replaced, such as `aws_db_*`' }),
    protect: z.array(pattern).default([]).meta({
      description:
        'Addresses that may be created and nothing else; an address stands for everything below it, such as `module.database`',
    }),
    maxChanges: z
      .number()
      .int()
      .min(0)
      .optional()
      .meta({ description: 'Most objects that one plan may create, change, replace, destroy or forget' }),
    maxDestroys: z
      .number()
      .int()
      .min(0)
      .optional()
      .meta({ description: 'Most objects that one plan may destroy, replaced ones included' }),
  })
  .meta({ description: 'Rules that a plan must keep before anybody is asked about it' });
export type TerraformPolicies = z.output<typeof terraformPoliciesSchema>;

/** Names of the rules, as violations and gates tell them. */
export const TERRAFORM_POLICY_RULES = ['forbidDestroy', 'protect', 'maxChanges', 'maxDestroys'] as const;
export type TerraformPolicyRule = (typeof TERRAFORM_POLICY_RULES)[number];

/** One rule that a plan breaks: an entry of `violations` in the details of PolicyDenied. */
export interface PolicyViolation {
  readonly rule: TerraformPolicyRule;
  /** The object that breaks it; null for a limit that all of them break together. */
  readonly address: string | null;
  readonly message: string;
  readonly wayOut: string;
}
