import { z } from 'zod';

/** The proof over all rows that the relation between old and new shape holds. */
export const parityProofSchema = z.object({
  /** `derived`: f(old) is the new shape. `consistent`: or else g(new) is the old one. */
  relation: z.enum(['derived', 'filled', 'consistent']),
  /** Rows compared: all of them. */
  rows: z.number(),
  differing: z.number(),
  /** Transactions older than the barrier that wrote the table and were open when the comparison began: it may miss rows of theirs. */
  openWriters: z.number().default(0),
  /** The first keys that differ, for people. */
  keys: z.array(z.array(z.string())),
  /** Position of the barrier that was passed before the comparison, `X/Y`. */
  barrier: z.string(),
  /** When that barrier was sent, by the clock of the database. */
  barrierAt: z.string(),
  startedAt: z.string(),
  endedAt: z.string(),
});
export type ParityProof = z.output<typeof parityProofSchema>;

/** What one step of a phase did and how long it took. */
export const phaseStepSchema = z.object({
  id: z.string(),
  title: z.string(),
  startedAt: z.string(),
  endedAt: z.string(),
  durationMs: z.number(),
  detail: z.string().nullable(),
});

/** What a backfill did. */
export const backfillReportSchema = z.object({
  rows: z.number(),
  chunks: z.number(),
  durationMs: z.number(),
  throttledMs: z.number(),
  rowsPerSecond: z.number(),
  /** The longest chunk: the longest wait that a writer could meet. */
  longestChunkMs: z.number(),
});
export type BackfillReport = z.output<typeof backfillReportSchema>;

/** Result of SchemaChangeWorkflow. */
export const schemaChangeResultSchema = z.object({
  runId: z.string(),
  change: z.string(),
  database: z.string(),
  table: z.string(),
  planDigest: z.string(),
  phases: z.array(z.object({ phase: z.string(), durationMs: z.number(), steps: z.array(phaseStepSchema) })),
  parity: z.array(parityProofSchema),
  backfill: backfillReportSchema.nullable(),
  /** Rows that the change stream wrote. */
  streamRows: z.number(),
  warnings: z.array(z.string()),
  durationMs: z.number(),
});
export type SchemaChangeResult = z.output<typeof schemaChangeResultSchema>;

const finding = z.object({
  level: z.enum(['obstacle', 'warning']),
  code: z.string(),
  subject: z.string(),
  message: z.string(),
  fix: z.string(),
});

/** Result of SchemaChangePlanWorkflow: what a change would do; nothing was made. */
export const schemaChangePlanResultSchema = z.object({
  runId: z.string(),
  passed: z.boolean(),
  findings: z.array(finding),
  /** Null where an obstacle keeps the plan from being made. */
  planDigest: z.string().nullable(),
  plan: z.unknown(),
});
export type SchemaChangePlanResult = z.output<typeof schemaChangePlanResultSchema>;
