import { createHash } from 'node:crypto';
import {
  CodedError,
  planChangesSchema,
  TERRAFORM_ACTIONS,
  TERRAFORM_ENGINES,
  TERRAFORM_POLICY_RULES,
} from '@switchyard/contracts';
import { z } from 'zod';
import { CHANGE_ACTIONS } from './changes.js';

const digestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/**
 * What belongs together with a saved plan, so that any worker can apply exactly it and nothing else. The digest of the
 * manifest is the plan digest: what was shown, approved and applied. It names every part by its own digest.
 */
export const planManifestSchema = z.strictObject({
  version: z.literal(1),
  stack: z.string(),
  workspace: z.string(),
  action: z.enum(TERRAFORM_ACTIONS),
  engine: z.enum(TERRAFORM_ENGINES),
  /** A plan file is only read by the release that wrote it. */
  engineVersion: z.string(),
  /** Backend type: `local` when none is configured. */
  backend: z.string(),
  /** Digest of the saved plan. Null for a plan without changes: there is nothing to apply. */
  plan: digestSchema.nullable(),
  /** Digest of `.terraform.lock.hcl`. Null when the stack needs no provider from outside. */
  lockFile: digestSchema.nullable(),
  configuration: digestSchema,
  /** The state that the plan was made from. */
  state: z.strictObject({ lineage: z.string(), serial: z.number().int() }),
  changes: planChangesSchema,
  /** Addresses and actions, to recognise the rest of this plan after an interruption. */
  resources: z.array(
    z.strictObject({
      address: z.string(),
      action: z.enum(CHANGE_ACTIONS),
      deposed: z.string().nullable(),
      reason: z.string().nullable(),
    }),
  ),
  /** Names of variables that apply must be given again. */
  applyTimeVariables: z.array(z.string()),
  /** The rules that the plan keeps. Absent where the run has none. */
  policies: z
    .array(z.strictObject({ rule: z.enum(TERRAFORM_POLICY_RULES), required: z.string(), observed: z.string() }))
    .optional(),
  /** The policies in Rego that judged it, file by file. Absent where there are none. */
  rego: z
    .array(
      z.strictObject({
        from: z.enum(['input', 'worker']),
        namespace: z.string(),
        files: z.array(z.strictObject({ name: z.string(), digest: digestSchema })),
      }),
    )
    .optional(),
});
export type PlanManifest = z.output<typeof planManifestSchema>;

/** `sha256:` and the hexadecimal digest of bytes: the address of an artifact. */
export function sha256(bytes: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The bytes of a manifest. Key order is that of the schema, so one manifest has one digest. */
export function encodeManifest(manifest: PlanManifest): Buffer {
  return Buffer.from(JSON.stringify(planManifestSchema.parse(manifest)));
}

/** Reads a manifest that was fetched by its digest. Throws TerraformPlanStale for one of another release. */
export function decodeManifest(bytes: Uint8Array, digest: string): PlanManifest {
  if (sha256(bytes) !== digest) {
    throw new CodedError('TerraformPlanStale', `the plan bundle does not have the digest ${digest} that was approved`, {
      details: { planDigest: digest },
    });
  }
  const parsed = planManifestSchema.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  if (parsed.success) return parsed.data;
  throw new CodedError('TerraformPlanStale', 'the plan bundle was written by another release; start a new run', {
    details: { planDigest: digest },
  });
}
