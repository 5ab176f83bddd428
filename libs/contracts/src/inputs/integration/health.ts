import { z } from 'zod';
import { durationSchema } from '../../duration.js';
import { authoritySchema, headersSchema, urlSchema } from './service.js';

/** What a query of Prometheus must give. Several conditions must all hold, for every series. */
export const metricConditionSchema = z.strictObject({
  query: z.string().min(1).meta({ description: 'PromQL that gives a scalar or an instant vector' }),
  above: z.number().optional().meta({ description: 'Every value must be greater' }),
  min: z.number().optional().meta({ description: 'No value may be less' }),
  below: z.number().optional().meta({ description: 'Every value must be less' }),
  max: z.number().optional().meta({ description: 'No value may be greater' }),
  equals: z.number().optional(),
  absent: z
    .enum(['fail', 'pass'])
    .default('fail')
    .meta({ description: 'What it means that the query gives no series; a lost metric is no proof, so default fail' }),
});
export type MetricCondition = z.output<typeof metricConditionSchema>;

/** Where a Prometheus, Thanos, Mimir or VictoriaMetrics answers. */
export const prometheusSchema = z.strictObject({
  url: urlSchema.meta({ description: 'What stands before /api/v1/query' }),
  headers: headersSchema,
  ca: authoritySchema,
});

/**
 * Step `health`: asks each URL and each query until all of them are well `successes` times in a row, or fails with
 * GateFailed.
 */
export const healthCheckSchema = z
  .strictObject({
    urls: z.array(urlSchema).default([]),
    headers: headersSchema,
    expectStatus: z.number().int().min(100).max(599).default(200),
    expectJson: z
      .record(z.string(), z.unknown())
      .optional()
      .meta({ description: 'Fields that the JSON body must hold' }),
    ca: authoritySchema,
    prometheus: prometheusSchema.optional(),
    queries: z
      .record(z.string().regex(/^[A-Za-z_]\w{0,62}$/), metricConditionSchema)
      .default({})
      .meta({ description: 'Conditions by name; without `above`, `below` and so on any value will do' }),
    successes: z.number().int().min(1).max(100).default(1),
    interval: durationSchema.default(1_000),
    within: durationSchema.default(60_000),
  })
  .refine(
    ({ urls, queries }) => urls.length > 0 || Object.keys(queries).length > 0,
    'name something to ask: `urls`, or `prometheus` with `queries`',
  )
  .refine(
    ({ prometheus, queries }) => (prometheus === undefined) === (Object.keys(queries).length === 0),
    '`prometheus` and `queries` belong together',
  );
export type HealthCheckInput = z.output<typeof healthCheckSchema>;
export const healthResultSchema = z.object({
  /** URLs and names of queries. */
  healthy: z.array(z.string()),
  /** The last value of each query: of several series the one nearest to failing; null without any. */
  values: z.record(z.string(), z.number().nullable()),
  checks: z.number().int(),
  durationMs: z.number(),
});
export type HealthResult = z.output<typeof healthResultSchema>;
