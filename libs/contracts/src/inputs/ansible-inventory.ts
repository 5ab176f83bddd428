import { z } from 'zod';
import { durationSchema } from '../duration.js';
import { secretRefSchema } from '../secret-ref.js';

/** When an inventory is asked for again: for every run, when the kept one is older than `ttl`, or never. */
export const INVENTORY_REFRESH = ['always', 'ttl', 'never'] as const;

const name = z.string().regex(/^[A-Za-z_][\w-]*$/, 'must be the name of a group: letters, digits, _ and -');

/** Why Ansible would not take a text for the name of this one host; undefined for a name. */
function hostNameProblem(host: string): string | undefined {
  if (host.trim() !== host || host === '') return 'begins or ends with white space, which Ansible leaves out';
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  if (/[\u0000-\u001F\u007F]/.test(host)) return 'holds a line break or another control character';
  if (/^[!&]/.test(host)) return `begins with ${host.charAt(0)}, by which Ansible leaves out or selects other hosts`;
  if (host === 'all') return 'names the group of all hosts, so that a play on `all` would run on it alone';
  if (host.includes('{{') || host.includes('{%')) return 'holds a template, which Ansible does not evaluate in names';
  const inBrackets = host.replaceAll(/\[(?:[0-9]+:[0-9]+|[A-Za-z]:[A-Za-z])(?::[0-9]+)?\]/g, '');
  const isAddress = /^\[[0-9A-Fa-f:.%]+\](?::[0-9]+)?$/.test(host);
  return /[[\]]/.test(inBrackets) && !isAddress
    ? 'has brackets that are no range such as [01:03] or [a:c], and no IPv6 address'
    : undefined;
}

/**
 * A host of an inventory: what Ansible takes for exactly this host (or for the hosts of a range) in an inventory, and in
 * a list of hosts to run on, where `!name` would mean all others.
 */
export const hostNameSchema = z.string().superRefine((host, ctx) => {
  const problem = hostNameProblem(host);
  if (problem === undefined) return;
  ctx.addIssue({ code: 'custom', message: `${JSON.stringify(host)} is no name of a host: it ${problem}; rename it` });
});

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
