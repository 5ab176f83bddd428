import { z } from 'zod';
import { durationSchema } from '../duration.js';
import { secretRefSchema } from '../secret-ref.js';

const headers = z.record(z.string(), z.union([z.string(), secretRefSchema])).default({});
const url = z.url({ protocol: /^https?$/ });

/** Step `http`: one request. Fails with UpstreamFailed unless the status is one of `expectStatus`. */
export const httpRequestSchema = z.strictObject({
  url,
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD']).default('GET'),
  headers,
  body: z.unknown().optional().meta({ description: 'Sent as JSON unless it is a string' }),
  expectStatus: z.array(z.number().int().min(100).max(599)).default([200, 201, 202, 204]),
  timeout: durationSchema.default(10_000),
  idempotencyKey: z.string().optional().meta({ description: 'Sent as Idempotency-Key; default: one per run and step' }),
});
export type HttpRequestInput = z.output<typeof httpRequestSchema>;
export const httpResultSchema = z.object({ status: z.number().int(), body: z.unknown(), durationMs: z.number() });
export type HttpResult = z.output<typeof httpResultSchema>;

/** Step `health`: asks each URL until all of them are well `successes` times in a row, or fails with GateFailed. */
export const healthCheckSchema = z.strictObject({
  urls: z.array(url).min(1),
  headers,
  expectStatus: z.number().int().min(100).max(599).default(200),
  expectJson: z.record(z.string(), z.unknown()).optional().meta({ description: 'Fields that the JSON body must hold' }),
  successes: z.number().int().min(1).max(100).default(1),
  interval: durationSchema.default(1_000),
  within: durationSchema.default(60_000),
});
export type HealthCheckInput = z.output<typeof healthCheckSchema>;
export const healthResultSchema = z.object({
  healthy: z.array(z.string()),
  checks: z.number().int(),
  durationMs: z.number(),
});
export type HealthResult = z.output<typeof healthResultSchema>;

/** Step `notify`: tells people through a webhook. By default a failure is a warning of the run, never its end. */
export const notifySchema = z.strictObject({
  url,
  headers,
  text: z.string().min(1),
  fields: z.record(z.string(), z.unknown()).default({}),
});
export type NotifyInput = z.output<typeof notifySchema>;
export const notifyResultSchema = z.object({ delivered: z.boolean(), warning: z.string().nullable() });
export type NotifyResult = z.output<typeof notifyResultSchema>;
