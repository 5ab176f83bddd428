import { z } from 'zod';

const estimate = z.object({ rows: z.number(), seconds: z.number(), walBytes: z.number(), diskBytes: z.number() });

/** What is shown of a plan. */
export const planSchema = z.object({
  change: z.string(),
  database: z.string(),
  table: z.string(),
  newTable: z.string(),
  strategy: z.enum(['columns', 'table']),
  steps: z.array(
    z.object({
      id: z.string(),
      phase: z.string(),
      title: z.string(),
      sql: z.array(z.string()),
      locks: z.array(
        z.object({
          mode: z.string(),
          relation: z.string(),
          hold: z.enum(['moment', 'chunk', 'step']),
          expectedMs: z.number(),
          blocks: z.string(),
        }),
      ),
      reversible: z.boolean(),
      undo: z.string(),
      estimate,
    }),
  ),
  basis: z.object({ rows: z.number(), rowBytes: z.number(), secondaryIndexes: z.number(), hot: z.number() }),
  total: estimate,
  longestExclusiveMs: z.number(),
});
export type ShownPlan = z.output<typeof planSchema>;

/** What an abort would do, as the query `abortPreview` answers it. */
export const abortPreviewSchema = z.object({
  possible: z.boolean(),
  refusal: z.string(),
  actions: z.array(z.object({ action: z.string(), title: z.string() })),
  restored: z.array(z.string()),
  lost: z.array(z.string()),
});
export type AbortPreview = z.output<typeof abortPreviewSchema>;
