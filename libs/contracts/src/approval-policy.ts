import { z } from 'zod';
import { durationSchema } from './duration.js';
import { fieldProblems, typedFieldSchema } from './typed-field.js';

const name = z
  .string()
  .regex(/^[A-Za-z][\w-]{0,62}$/, 'must start with a letter and hold letters, digits, dashes and underscores');

/** People who may decide together, by name and by what sign-in says of them. */
export const approverGroupSchema = z.strictObject({
  name,
  members: z
    .array(z.string().min(1))
    .default([])
    .meta({ description: 'Identities; everybody whom sign-in puts into a group of this name belongs to it too' }),
  required: z.number().int().min(1).max(20).default(1).meta({ description: 'Members who must approve' }),
});
export type ApproverGroup = z.output<typeof approverGroupSchema>;

/** Who must agree before a run goes on, and what happens when nobody answers. */
export const approvalPolicySchema = z
  .strictObject({
    required: z
      .number()
      .int()
      .min(0)
      .max(20)
      .default(1)
      .meta({ description: 'Distinct people who must approve; 0 needs nobody' }),
    groups: z.array(approverGroupSchema).min(1).max(10).optional().meta({
      description: 'Each of these groups must agree with its own number; only their people may decide',
    }),
    timeout: durationSchema.optional().meta({ description: 'How long the gate stays open; without it, for ever' }),
    onTimeout: z.enum(['reject', 'continue', 'escalate']).default('reject').meta({
      description: 'What expiry means; `escalate` gives the further group another `timeout`, then rejects',
    }),
    escalation: z
      .strictObject({
        after: durationSchema.optional().meta({
          description: 'Time without a decision after which the further group may decide too',
        }),
        group: approverGroupSchema,
      })
      .optional()
      .meta({ description: 'A further group: once asked, its approval alone is enough' }),
    selfApproval: z
      .boolean()
      .default(false)
      .meta({ description: 'Whether the person who started the run may approve it' }),
    reasonRequired: z.boolean().default(false).meta({ description: 'Whether a decision needs a reason' }),
    allowUnauthenticated: z.boolean().default(true).meta({
      description:
        'Whether a decision without an identity (a bare signal, a caller that names nobody) counts; all of them together count as one person',
    }),
    fields: z.record(name, typedFieldSchema).optional().meta({
      description: 'What approvers must answer; never a secret, for answers are shown and kept',
    }),
  })
  .superRefine((policy, ctx) => {
    const refuse = (path: (string | number)[], message: string): void =>
      ctx.addIssue({ code: 'custom', path, message });
    const { escalation, onTimeout, timeout, groups = [], fields = {} } = policy;
    if (onTimeout === 'escalate' && (!escalation || timeout === undefined))
      refuse(['onTimeout'], 'escalate needs `timeout`, and `escalation` with the further group');
    if (escalation?.after !== undefined && onTimeout === 'escalate')
      refuse(['escalation', 'after'], 'is one way to ask the further group, `onTimeout: escalate` the other; choose');
    if (escalation && escalation.after === undefined && onTimeout !== 'escalate')
      refuse(['escalation'], 'has no effect without `after` or `onTimeout: escalate`');
    if (escalation?.after !== undefined && timeout !== undefined && escalation.after >= timeout)
      refuse(['escalation', 'after'], 'must be shorter than `timeout`');
    const names = [...groups, ...(escalation ? [escalation.group] : [])].map((group) => group.name);
    const twice = names.find((one, i) => names.indexOf(one) !== i);
    if (twice !== undefined) refuse(['groups'], `two groups have the name "${twice}"`);
    for (const [field, declared] of Object.entries(fields))
      for (const { keys, message } of fieldProblems(declared)) refuse(['fields', field, ...keys], message);
  })
  .meta({ description: 'Approval policy' });

export type ApprovalPolicy = z.output<typeof approvalPolicySchema>;
