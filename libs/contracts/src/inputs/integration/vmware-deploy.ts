import { z } from 'zod';
import { approvalPolicySchema } from '../../approval-policy.js';
import { durationSchema } from '../../duration.js';
import { pathSchema, withSpellings } from '../caller-spelling.js';
import { TERRAFORM_ENGINES, terraformResultSchema } from '../terraform.js';
import { cmdbResultSchema } from './cmdb.js';
import { healthCheckSchema, healthResultSchema, prometheusSchema } from './health.js';
import { exactlyOne } from './service.js';
import { vmResultSchema } from './vm.js';

/** The `with` of a step, whose values may be `${{ }}` over what was provisioned: it is checked as in a runbook. */
const stepInput = (kind: string, more: string) =>
  z
    .record(z.string(), z.unknown())
    .optional()
    .meta({ description: `Input of a step \`${kind}\`; a value may be \${{ steps.provision.result... }}. ${more}` });

const fields = z
  .strictObject({
    terraformDir: pathSchema.optional().meta({ description: 'Root module that makes the machines' }),
    workspace: z.string().optional().meta({ description: 'Of Terraform; default: default' }),
    vars: z
      .record(z.string(), z.unknown())
      .optional()
      .meta({ description: 'Input variables of Terraform; a value may be {"$secret": "name"}' }),
    varFiles: z.array(pathSchema).optional(),
    engine: z.enum(TERRAFORM_ENGINES).optional(),
    vm: stepInput('vm', 'In place of `terraformDir`: one machine of vCenter.'),
    decision: z
      .strictObject({
        prometheus: prometheusSchema,
        queries: healthCheckSchema.shape.queries.unwrap(),
        interval: durationSchema.default(10_000),
        within: durationSchema.default(60_000).meta({ description: 'How long the conditions may take to become true' }),
        otherwise: z
          .enum(['fail', 'ask'])
          .default('fail')
          .meta({ description: 'When they do not hold: end with GateFailed, or ask a person at the gate `decision`' }),
      })
      .optional()
      .meta({ description: 'Whether to go on, by what the monitoring says, before anything is changed' }),
    approval: approvalPolicySchema
      .optional()
      .meta({ description: 'Who must agree: to the plan of Terraform, or to the machine that is asked for' }),
    cmdb: stepInput('cmdb', 'A failure is a warning, never the end of the deployment.'),
    monitoring: stepInput('health', 'Checked after the CMDB; a failure ends the run with GateFailed.'),
    notify: stepInput('notify', 'Told how the run ended; `text` has a default. A failure is a warning.'),
  })
  .refine(exactlyOne('terraformDir', 'vm'), 'name one of `terraformDir` and `vm`');

/** Input of VmwareDeployWorkflow; a bare string is its `terraformDir`. */
export const vmwareDeployInputSchema = withSpellings(fields, { terraform_dir: 'terraformDir' }, 'terraformDir');
export type VmwareDeployInput = z.output<typeof vmwareDeployInputSchema>;
/** What a TypeScript caller writes. */
export type VmwareDeployInputGiven = z.input<typeof fields> | string;

/** Result of VmwareDeployWorkflow; the details of its failure hold what of it was reached. */
export const vmwareDeployResultSchema = z.object({
  runId: z.string(),
  /** What the monitoring said before; null without `decision`. */
  decision: z.object({ held: z.boolean(), values: z.record(z.string(), z.number().nullable()) }).nullable(),
  terraform: terraformResultSchema.nullable(),
  vm: vmResultSchema.nullable(),
  /** The record of the CMDB; null when none was asked for, or when keeping it failed (then a warning says why). */
  cmdb: cmdbResultSchema.nullable(),
  health: healthResultSchema.nullable(),
  notified: z.boolean(),
  warnings: z.array(z.string()),
  durationMs: z.number(),
});
export type VmwareDeployResult = z.output<typeof vmwareDeployResultSchema>;
