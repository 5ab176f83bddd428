import { z } from 'zod';
import { durationSchema } from '../duration.js';
import { secretRefSchema } from '../secret-ref.js';

/** When an inventory is asked for again: for every run, when the kept one is older than `ttl`, or never. */
export const INVENTORY_REFRESH = ['always', 'ttl', 'never'] as const;

const name = z.string().regex(/^[A-Za-z_][\w-]*$/, 'must be the name of a group: letters, digits, _ and -');

/** Hosts of a CMDB that answers over REST: `GET <url>/hosts` with name, ip, user and role of each. */
export const cmdbInventorySchema = z
  .strictObject({
    source: z.literal('cmdb'),
    url: z
      .url({ protocol: /^https?$/ })
      .refine((url) => !URL.canParse(url) || new URL(url).username + new URL(url).password === '', {
        message: 'must hold no credentials; name a secret in `token`',
      })
      .meta({ description: 'Base of the API; `/hosts` is added' }),
    token: secretRefSchema.optional().meta({ description: 'Sent as a bearer token' }),
    become: z.boolean().default(true).meta({ description: '`ansible_become` of the hosts' }),
    refresh: z.enum(INVENTORY_REFRESH).default('always').meta({
      description: 'Ask for every run, or take what an earlier run kept: while it is younger than `ttl`, or for ever',
    }),
    ttl: durationSchema.default(600_000).meta({ description: 'With `refresh: ttl`; default 10m' }),
    timeout: durationSchema.default(30_000).meta({ description: 'For one page; default 30s' }),
    attempts: z.number().int().min(1).max(10).default(4).meta({ description: 'For one page' }),
  })
  .meta({ description: 'Hosts of a CMDB over REST' });
export type CmdbInventory = z.output<typeof cmdbInventorySchema>;

/** Hosts out of the outputs of a stack: a list of names, or a map of names to an address or to variables. */
export const terraformInventorySchema = z
  .strictObject({
    source: z.literal('terraform'),
    outputs: z
      .record(z.string(), z.unknown())
      .meta({ description: '`outputs` of the result of TerraformWorkflow, or what `terraform output -json` prints' }),
    groups: z
      .record(name, z.string().min(1))
      .refine((groups) => Object.keys(groups).length > 0, 'name at least one group')
      .meta({ description: 'Group to the name of the output that holds its hosts' }),
  })
  .meta({ description: 'Groups out of the outputs of a Terraform stack' });
export type TerraformInventory = z.output<typeof terraformInventorySchema>;
