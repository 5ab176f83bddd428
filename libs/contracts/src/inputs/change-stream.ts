import { z } from 'zod';
import { durationSchema } from '../duration.js';
import { identifierSchema } from './schema-change.js';

const table = z.strictObject({ schema: identifierSchema, name: identifierSchema });
const column = z.strictObject({ name: identifierSchema, type: z.string().min(1), expression: z.string().min(1) });

/** Both sides of a change with all their types known, as `@switchyard/schema-change` resolves them. */
export const changeShapeSchema = z.strictObject({
  id: z.string().min(1).meta({ description: 'What the control rows of the change carry' }),
  source: table,
  target: table,
  sameRow: z.boolean().meta({ description: 'Whether the new columns stand in the old table' }),
  where: z.string().nullable(),
  key: z
    .array(
      z.strictObject({
        source: identifierSchema,
        target: identifierSchema,
        type: z.string().min(1),
        collation: z.string().nullable(),
      }),
    )
    .min(1),
  columns: z.array(column).min(1),
  reverse: z.array(column),
});

/** Names of everything that a change makes beside its columns. */
export const changeNamesSchema = z.strictObject({
  slot: z.string().min(1),
  publication: z.string().min(1),
  origin: z.string().min(1),
  constraintPrefix: z.string().min(1),
  messagePrefix: z.string().min(1),
});

/** Which side the stream mends where the relation does not hold, and by which relation. */
export const streamModeSchema = z.strictObject({
  direction: z.enum(['forward', 'reverse']),
  relation: z.enum(['derived', 'filled', 'consistent']),
});
export type StreamMode = z.output<typeof streamModeSchema>;

/** Input of ChangeStreamWorkflow: one replication stream of one schema change. */
export const changeStreamInputSchema = z.strictObject({
  database: z.string().min(1).meta({ description: 'A connection named in SWITCHYARD_DATABASES' }),
  shape: changeShapeSchema,
  names: changeNamesSchema,
  mode: streamModeSchema.prefault({ direction: 'forward', relation: 'derived' }),
  batchTarget: durationSchema.default(25).meta({ description: 'Longest time that a batch holds row locks; 25ms' }),
  maxSlotWalBytes: z
    .number()
    .positive()
    .default(4 * 1024 ** 3)
    .meta({ description: 'WAL that the slot may keep; what is left of it is shown as time' }),
});
export type ChangeStreamInput = z.output<typeof changeStreamInputSchema>;

/** Signals of ChangeStreamWorkflow beside `pause`, `resume` and `abort`. */
export const STREAM_SIGNALS = {
  /** Goes on in another mode, under a new epoch. Payload: {@link streamModeSchema}. */
  turn: 'turn',
  /** Applies everything that is committed by now, then ends. Payload: {@link streamEndSchema}. */
  drain: 'drain',
  /** Ends at once. Payload: {@link streamEndSchema}. */
  stop: 'stop',
} as const;

/** How a stream ends. */
export const streamEndSchema = z.strictObject({
  /** Whether slot, publication and origin go too; without it they stay, and the slot keeps WAL. */
  release: z.boolean().default(true),
});
export type StreamEnd = z.output<typeof streamEndSchema>;

/** Result of ChangeStreamWorkflow. */
export const changeStreamResultSchema = z.object({
  runId: z.string(),
  /** Position up to which everything is applied, `X/Y`; null: nothing was. */
  position: z.string().nullable(),
  epoch: z.string(),
  /** Rows that the stream wrote in all its time. */
  rowsWritten: z.number(),
  /** How often the stream was begun anew after a failure. */
  restarts: z.number(),
  released: z.boolean(),
});
export type ChangeStreamResult = z.output<typeof changeStreamResultSchema>;
