import { z } from 'zod';
import { durationSchema } from '../duration.js';
import { secretRefSchema } from '../secret-ref.js';
import { cmdbInventorySchema, hostNameSchema, terraformInventorySchema } from './ansible-inventory.js';
import { oneOrMany, pathSchema, withSpellings } from './caller-spelling.js';
import { gitPinSchema, placeSchema } from './git-source.js';
import { lockNameSchema, lockTimeoutSchema, MOST_LOCKS } from './locks.js';

const variables = z.record(z.string(), z.unknown());

/** A group of an inventory, as in Ansible. */
export interface InventoryGroup {
  hosts?: Record<string, Record<string, unknown> | null> | undefined;
  vars?: Record<string, unknown> | undefined;
  children?: Record<string, InventoryGroup | null> | undefined;
}

/** Each name by itself: the message of a record names the key, not what is wrong with it. */
function checkHosts(hosts: Record<string, unknown>, ctx: z.RefinementCtx): void {
  for (const host of Object.keys(hosts)) {
    const { error } = hostNameSchema.safeParse(host);
    for (const { message } of error?.issues ?? []) ctx.addIssue({ code: 'custom', path: [host], message });
  }
}

const groupSchema: z.ZodType<InventoryGroup> = z.strictObject({
  hosts: z.record(z.string(), variables.nullable()).superRefine(checkHosts).optional(),
  vars: variables.optional(),
  get children() {
    return z.record(z.string().min(1), groupSchema.nullable()).optional();
  },
});

/** An inventory written in the input itself, in the shape of Ansible's YAML inventories. */
export const inlineInventorySchema = z
  .strictObject({ groups: z.record(z.string().min(1), groupSchema.nullable()) })
  .meta({ description: 'Groups with hosts, vars and children, as in a YAML inventory of Ansible' });

export type InventoryGroups = z.output<typeof inlineInventorySchema>['groups'];

/** Where hosts come from: a path (file, directory or executable script), inline groups, a CMDB, outputs of a stack. */
const inventorySourceSchema = z.union([
  pathSchema,
  inlineInventorySchema,
  cmdbInventorySchema,
  terraformInventorySchema,
]);
export type InventorySource = z.output<typeof inventorySourceSchema>;

/** One source, or several that Ansible merges: of a variable that two of them set the last one counts. */
export const inventorySchema = z.union([inventorySourceSchema, z.array(inventorySourceSchema).min(1).max(20)]);

export const ANSIBLE_DEFAULTS = { timeoutMs: 15 * 60_000, attempts: 3, batchSize: 50, maxParallel: 2 } as const;

/** Which hosts of a finished run a new one takes up. `failed-hosts` are those that failed and those out of reach. */
export const TAKEN_UP = ['failed-hosts', 'unreachable-hosts', 'unfinished-hosts', 'all'] as const;
export type TakenUpHosts = (typeof TAKEN_UP)[number];

/** Types of the events that link two runs; the subject is the other run. */
export const TAKEN_UP_EVENTS = {
  /** In the new run. */
  takes: 'takes_up',
  /** In the old run. */
  taken: 'taken_up',
} as const;

export const PROJECT_REQUIREMENTS = ['install', 'ignore'] as const;

const projectSchema = placeSchema({
  path: pathSchema.optional().meta({ description: 'Directory below a project root, or inside the repository' }),
  requirements: z.enum(PROJECT_REQUIREMENTS).optional().meta({
    description:
      'Whether collections and roles of its requirements.yml are installed; default: install with `git`, else ignore',
  }),
})
  .refine(({ git, path }) => git !== undefined || path !== undefined, {
    path: ['path'],
    message: 'is required (a directory below a project root, or `git` with the address of a repository)',
  })
  .meta({ description: 'Directory that holds ansible.cfg, roles and playbooks, on the worker or in git' });

const fields = z.strictObject({
  playbook: pathSchema
    .optional()
    .meta({ description: 'The playbook, relative to `project.path` or to the first project root' }),
  project: projectSchema.optional(),
  inventory: inventorySchema.optional().meta({ description: 'Without it the playbook runs on implicit localhost' }),
  limit: oneOrMany(z.string().min(1)).optional().meta({ description: 'Host patterns, as in --limit' }),
  tags: oneOrMany(z.string().min(1)).optional(),
  skipTags: oneOrMany(z.string().min(1)).optional(),
  startAtTask: z.string().min(1).optional().meta({
    description: 'Skip what stands before the task of this name (or pattern); values that those tasks set are missing',
  }),
  extraVars: variables.optional().meta({ description: 'Extra variables; a value may be {"$secret": "name"}' }),
  vault: z
    .array(
      z.strictObject({
        id: z
          .string()
          .regex(/^[\w-]+$/)
          .default('default'),
        password: secretRefSchema,
      }),
    )
    .optional()
    .meta({ description: 'Vault passwords by reference' }),
  check: z
    .boolean()
    .default(false)
    .meta({ description: 'Check mode: nothing is changed; command and shell tasks are skipped' }),
  diff: z
    .boolean()
    .default(false)
    .meta({ description: 'Tell how files and templates differ, in the result and in events' }),
  forks: z
    .number()
    .int()
    .min(1)
    .max(500)
    .optional()
    .meta({ description: 'Default: the size of the batch, at most 50' }),
  become: z.boolean().default(false),
  verbosity: z.number().int().min(0).max(4).default(0),
  batchSize: z
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(ANSIBLE_DEFAULTS.batchSize)
    .meta({ description: 'Hosts per ansible-playbook process' }),
  maxParallel: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(ANSIBLE_DEFAULTS.maxParallel)
    .meta({ description: 'Batches that run at once' }),
  maxFailPercentage: z
    .number()
    .min(0)
    .max(100)
    .optional()
    .meta({ description: 'Start no further batch once more hosts than this failed' }),
  retry: z
    .strictObject({
      attempts: z.number().int().min(1).max(20).default(ANSIBLE_DEFAULTS.attempts),
      only: z
        .enum(['failed-hosts', 'all'])
        .default('failed-hosts')
        .meta({ description: 'Which hosts a further attempt runs on' }),
      delay: durationSchema.default(5_000).meta({ description: 'Pause before a further attempt' }),
    })
    .prefault({})
    .meta({ description: 'Attempts over hosts that failed or could not be reached' }),
  timeout: durationSchema
    .default(ANSIBLE_DEFAULTS.timeoutMs)
    .meta({ description: 'For one ansible-playbook process; default 15m' }),
  locks: z.array(lockNameSchema).max(MOST_LOCKS).optional().meta({
    description: 'Names such as `hosts/web` that this run holds to its end, so that no other run with them starts',
  }),
  lockTimeout: lockTimeoutSchema,
  retryOf: z.string().min(1).optional().meta({
    description:
      'Take a run up again, while it is under way on hosts that it has given up: everything not given here is taken from it',
  }),
  only: z.enum(TAKEN_UP).optional().meta({ description: 'With retryOf: which hosts; default failed-hosts' }),
});

/** Input of AnsibleWorkflow. A bare string is the playbook; `playbook_path` and `inventory_path` are accepted. */
export const ansibleInputSchema = withSpellings(
  fields.superRefine((input, ctx) => {
    if (input.playbook === undefined && input.retryOf === undefined) {
      ctx.addIssue({
        code: 'custom',
        path: ['playbook'],
        message: 'is required (the path of a playbook, or `retryOf` with the id of a run)',
      });
    }
    if (input.only !== undefined && input.retryOf === undefined) {
      ctx.addIssue({ code: 'custom', path: ['only'], message: 'needs `retryOf`' });
    }
  }),
  {
    playbook_path: 'playbook',
    inventory_path: 'inventory',
    extra_vars: 'extraVars',
    skip_tags: 'skipTags',
    start_at_task: 'startAtTask',
  },
  'playbook',
);

export type AnsibleInput = z.output<typeof ansibleInputSchema>;
/** What a TypeScript caller writes. */
export type AnsibleInputGiven = z.input<typeof fields>;

export const HOST_OUTCOMES = ['ok', 'failed', 'unreachable', 'skipped', 'not-started'] as const;

export const hostResultSchema = z.object({
  outcome: z.enum(HOST_OUTCOMES),
  ok: z.number().int(),
  changed: z.number().int(),
  failed: z.number().int(),
  unreachable: z.number().int(),
  skipped: z.number().int(),
  rescued: z.number().int(),
  ignored: z.number().int(),
});
export type HostResult = z.output<typeof hostResultSchema>;

/** A task that changed something on a host, or would have in check mode. */
export const hostChangeSchema = z.object({
  task: z.string(),
  /** Of a loop. */
  item: z.string().optional(),
  /** A unified diff, cut when it is long; missing without `diff`, and for tasks with `no_log`. */
  diff: z.string().optional(),
});
export type HostChange = z.output<typeof hostChangeSchema>;

/** Result of AnsibleWorkflow; the details of its failure hold the same object with another verdict. */
export const ansibleResultSchema = z.object({
  runId: z.string(),
  verdict: z.enum(['successful', 'failed', 'unreachable', 'no-hosts', 'error']),
  hosts: z.record(z.string(), hostResultSchema),
  failedHosts: z.array(z.string()),
  batches: z.number().int(),
  inventoryDigest: z.string(),
  durationMs: z.number(),
  tail: z.array(z.string()),
  /** With a project from git: the commit that ran. */
  source: gitPinSchema.optional(),
  /** With `check` or `diff`: what would change, or what changed, by host. `leftOut` are further ones, which the events have. */
  changes: z
    .object({
      check: z.boolean(),
      hosts: z.record(z.string(), z.array(hostChangeSchema)),
      leftOut: z.number().int(),
    })
    .optional(),
});
export type AnsibleResult = z.output<typeof ansibleResultSchema>;
