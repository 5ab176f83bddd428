import { z } from 'zod';
import { pathSchema } from './caller-spelling.js';

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
    rego: z
      .array(z.strictObject({ path: pathSchema.meta({ description: 'A `.rego` file, or a directory of them' }) }))
      .max(20, 'must not name more than 20 files and directories')
      .default([])
      .meta({
        description:
          'Policies in Rego, below the project roots: `deny` and `violation` refuse the plan, `warn` is shown to approvers',
      }),
    namespace: z
      .string()
      .regex(/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/, 'must be the name of a Rego package, such as `terraform.network`')
      .default('main')
      .meta({ description: 'The package whose rules are asked' }),
  })
  .meta({ description: 'Rules that a plan must keep before anybody is asked about it' });
export type TerraformPolicies = z.output<typeof terraformPoliciesSchema>;

/** Names of the rules, as violations and gates tell them. */
export const TERRAFORM_POLICY_RULES = ['forbidDestroy', 'protect', 'maxChanges', 'maxDestroys', 'rego'] as const;
export type TerraformPolicyRule = (typeof TERRAFORM_POLICY_RULES)[number];

/** One rule that a plan breaks: an entry of `violations` in the details of PolicyDenied. */
export interface PolicyViolation {
  readonly rule: TerraformPolicyRule;
  /** The object that breaks it; null for a limit that all of them break together, and where a policy names none. */
  readonly address: string | null;
  readonly message: string;
  readonly wayOut: string;
  /** Which policy in Rego says so. Absent for the other rules. */
  readonly policy?: RegoSource;
}

/** Where a policy in Rego stands. */
export interface RegoSource {
  /** `input`: the caller named it. `worker`: it is one that the worker asks of every plan. */
  readonly from: 'input' | 'worker';
  readonly package: string;
  /** The files that say so: those with a rule of that name. */
  readonly files: readonly string[];
}
