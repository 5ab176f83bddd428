import { z } from 'zod';
import { durationSchema } from '../duration.js';
import { pathSchema, withSpellings } from './caller-spelling.js';

export const KUBERNETES_ACTIONS = ['apply', 'delete'] as const;
export const OBJECT_CHANGES = ['created', 'configured', 'unchanged', 'pruned', 'deleted', 'absent'] as const;

/** More objects would make a result that is too large to keep. */
const MOST_OBJECTS = 1_000;

/** A name as Kubernetes takes it for labels and most objects. */
const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be lower case letters, digits and dashes (at most 63)');

/** An object of any kind. Its other fields are for the API server to judge. */
export const kubernetesObjectSchema = z.looseObject({
  apiVersion: z.string().min(1),
  kind: z.string().min(1),
  metadata: z.looseObject({
    name: z.string({ error: 'must be given: a set of objects is applied by name' }).min(1),
    namespace: z.string().min(1).optional(),
  }),
});
export type KubernetesObject = z.output<typeof kubernetesObjectSchema>;

const inlineObject = kubernetesObjectSchema.superRefine((object, ctx) => {
  const field = ['data', 'stringData'].find((key) => Object.hasOwn(object, key));
  if (object.kind !== 'Secret' || object.apiVersion !== 'v1' || field === undefined) return;
  ctx.addIssue({
    code: 'custom',
    path: [field],
    message:
      'the values of a Secret would stay in workflow history; keep it in a file below the project roots, or let External Secrets make it',
  });
});

const fields = z.strictObject({
  manifests: z
    .strictObject({
      path: pathSchema.optional().meta({
        description: 'File, or directory whose *.yaml, *.yml and *.json files are taken, below the project roots',
      }),
      objects: z
        .array(inlineObject)
        .min(1)
        .max(MOST_OBJECTS)
        .optional()
        .meta({ description: 'The objects themselves' }),
    })
    .refine(
      (given) => (given.path === undefined) !== (given.objects === undefined),
      'name one of `path` and `objects`',
    ),
  action: z.enum(KUBERNETES_ACTIONS).default('apply'),
  context: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'A context of the kubeconfig of the worker; default its current one' }),
  namespace: name.default('default').meta({ description: 'For objects that name none' }),
  set: name.optional().meta({
    description: 'Name of the set that these objects are: each is labelled with it, and the set is remembered',
  }),
  prune: z
    .boolean()
    .default(false)
    .meta({ description: 'Delete what an earlier run applied as part of `set` and is no longer in it' }),
  force: z
    .boolean()
    .default(false)
    .meta({ description: 'Take over fields that somebody else has set; without it such a field is a conflict' }),
  dryRun: z.boolean().default(false).meta({ description: 'Let the API server judge everything and change nothing' }),
  wait: z.boolean().default(true).meta({ description: 'Wait until workloads are ready, or what is deleted is gone' }),
  timeout: durationSchema.default(10 * 60_000).meta({ description: 'How long to wait for that; default 10m' }),
});

/** Input of KubernetesApplyWorkflow. */
export const kubernetesInputSchema = withSpellings(
  fields.superRefine(({ prune, set, action }, ctx) => {
    if (prune && set === undefined) {
      ctx.addIssue({ code: 'custom', path: ['prune'], message: 'needs `set`: only objects of a named set are pruned' });
    }
    if (prune && action === 'delete') {
      ctx.addIssue({ code: 'custom', path: ['prune'], message: 'goes with `action: apply`' });
    }
  }),
  {},
);
export type KubernetesInput = z.output<typeof kubernetesInputSchema>;
/** What a TypeScript caller writes. */
export type KubernetesInputGiven = z.input<typeof fields>;

export const appliedObjectSchema = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  /** Null for objects of the cluster. */
  namespace: z.string().nullable(),
  name: z.string(),
  change: z.enum(OBJECT_CHANGES),
});
export type AppliedObject = z.output<typeof appliedObjectSchema>;

export const kubernetesResultSchema = z.object({
  runId: z.string(),
  action: z.enum(KUBERNETES_ACTIONS),
  dryRun: z.boolean(),
  objects: z.array(appliedObjectSchema),
  /** Digest of the objects as they were read; the same for the same manifests. */
  manifestDigest: z.string(),
  durationMs: z.number(),
});
export type KubernetesResult = z.output<typeof kubernetesResultSchema>;
