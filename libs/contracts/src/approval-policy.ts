import { z } from 'zod';
import { durationSchema } from './duration.js';

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
    timeout: durationSchema.optional().meta({ description: 'How long the gate stays open; without it, for ever' }),
    onTimeout: z.enum(['reject', 'continue']).default('reject').meta({ description: 'What expiry means' }),
    selfApproval: z
      .boolean()
      .default(false)
      .meta({ description: 'Whether the person who started the run may approve it' }),
    reasonRequired: z.boolean().default(false).meta({ description: 'Whether a decision needs a reason' }),
    allowUnauthenticated: z.boolean().default(true).meta({
      description:
        'Whether a decision without an identity (a bare signal, a caller that names nobody) counts; all of them together count as one person',
    }),
  })
  .meta({ description: 'Approval policy' });

export type ApprovalPolicy = z.output<typeof approvalPolicySchema>;
