import { z } from 'zod';
import { authoritySchema, headersSchema, requestTimeoutSchema, urlSchema } from './service.js';

/** Step `http`: one request. Fails with UpstreamFailed unless the status is one of `expectStatus`. */
export const httpRequestSchema = z.strictObject({
  url: urlSchema,
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD']).default('GET'),
  headers: headersSchema,
  body: z.unknown().optional().meta({ description: 'Sent as JSON unless it is a string' }),
  expectStatus: z.array(z.number().int().min(100).max(599)).default([200, 201, 202, 204]),
  timeout: requestTimeoutSchema,
  idempotencyKey: z.string().optional().meta({ description: 'Sent as Idempotency-Key; default: one per run and step' }),
  ca: authoritySchema,
});
export type HttpRequestInput = z.output<typeof httpRequestSchema>;
export const httpResultSchema = z.object({ status: z.number().int(), body: z.unknown(), durationMs: z.number() });
export type HttpResult = z.output<typeof httpResultSchema>;
