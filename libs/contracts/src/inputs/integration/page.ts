import { z } from 'zod';
import { authoritySchema, credentialSchema, requestTimeoutSchema, urlSchema } from './service.js';

/** Step `page`: one event of PagerDuty's Events API v2. Events with the same `dedupKey` are one alert. */
export const pageSchema = z
  .strictObject({
    routingKey: credentialSchema.meta({ description: 'Integration key of the PagerDuty service' }),
    action: z.enum(['trigger', 'acknowledge', 'resolve']).default('trigger'),
    dedupKey: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .meta({ description: 'Default for trigger: one per run and step; the result names it' }),
    summary: z.string().min(1).max(1_024).optional(),
    severity: z.enum(['critical', 'error', 'warning', 'info']).default('error'),
    source: z.string().min(1).default('switchyard').meta({ description: 'What is affected: a host or service' }),
    component: z.string().min(1).optional(),
    group: z.string().min(1).optional(),
    class: z.string().min(1).optional(),
    details: z.record(z.string(), z.unknown()).default({}),
    links: z.array(z.strictObject({ href: urlSchema, text: z.string().optional() })).default([]),
    url: urlSchema.default('https://events.pagerduty.com').meta({ description: 'EU: https://events.eu.pagerduty.com' }),
    timeout: requestTimeoutSchema,
    ca: authoritySchema,
  })
  .refine(({ action, summary }) => action !== 'trigger' || summary !== undefined, '`summary` is required to trigger')
  .refine(
    ({ action, dedupKey }) => action === 'trigger' || dedupKey !== undefined,
    '`dedupKey` is required: which alert is meant',
  );
export type PageInput = z.output<typeof pageSchema>;
export const pageResultSchema = z.object({ status: z.string(), dedupKey: z.string(), message: z.string() });
export type PageResult = z.output<typeof pageResultSchema>;
