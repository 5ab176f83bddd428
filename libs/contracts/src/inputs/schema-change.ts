import { z } from 'zod';
import { approvalPolicySchema } from '../approval-policy.js';
import { durationSchema } from '../duration.js';

/** An identifier exactly as the catalog holds it: nothing is folded to lower case. */
export const identifierSchema = z
  .string()
  .min(1, 'must not be empty')
  .refine((name) => !name.includes('\0'), 'must not hold a NUL byte')
  .refine(
    (name) => new TextEncoder().encode(name).length <= 63,
    'is longer than the 63 bytes that PostgreSQL keeps of a name',
  );

/** A table as SQL names it: `users`, `public.users`, `"Odd Schema"."Users"`. */
export const tableNameSchema = z
  .string()
  .min(1, 'must not be empty')
  .meta({ description: 'A table as SQL names it: public.users, "Odd"."Users"; without a schema it is in public' });

const expression = z
  .string()
  .trim()
  .min(1, 'must not be empty')
  .meta({ description: 'One scalar SQL expression over the columns of one row, immutable functions only' });

const columnType = z
  .string()
  .trim()
  .min(1, 'must not be empty')
  .meta({ description: 'A type as SQL writes it: text, numeric(10,2), timestamp with time zone' });

/** A new column and how its value follows from the old row. */
export const newColumnSchema = z.strictObject({ type: columnType, from: expression });
export type NewColumn = z.output<typeof newColumnSchema>;

const newColumns = z
  .record(identifierSchema, newColumnSchema)
  .refine((columns) => Object.keys(columns).length > 0, 'must name at least one column');

/** A new table with one row for each row of the old one. */
export const targetTableSchema = z.strictObject({
  table: tableNameSchema,
  key: z
    .union([identifierSchema, z.array(identifierSchema).min(1)])
    .transform((key) => (typeof key === 'string' ? [key] : key))
    .meta({ description: 'Columns of the new table that hold the key of the old one, in the order of that key' }),
  columns: newColumns,
  where: expression
    .optional()
    .meta({ description: 'Only rows for which this holds have a row in the new table; default: all' }),
});

/** Well-known changes; each is written out to columns, reverse and drop before anything else looks at the spec. */
export const presetSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('split-column'),
    column: identifierSchema,
    into: z
      .tuple([identifierSchema, identifierSchema])
      .meta({ description: 'Before the first separator, and the rest' }),
    separator: z.string().min(1).default(' '),
  }),
  z.strictObject({
    kind: z.literal('rename-column'),
    column: identifierSchema,
    to: identifierSchema,
    type: columnType,
  }),
  z.strictObject({
    kind: z.literal('change-type'),
    column: identifierSchema,
    to: identifierSchema.meta({
      description: 'The new column stands beside the old one, so it needs a name of its own',
    }),
    type: columnType,
    using: expression,
    back: expression.meta({ description: 'The old value from the new column' }),
  }),
  z.strictObject({
    kind: z.literal('map-values'),
    column: identifierSchema,
    to: identifierSchema,
    type: columnType,
    map: z
      .array(z.strictObject({ from: z.string(), to: z.union([z.string(), z.number(), z.boolean()]) }))
      .min(1)
      .meta({ description: 'Old value and new value; of several old values for one new, the first is its way back' }),
    otherwise: z
      .union([z.string(), z.number(), z.boolean(), z.null()])
      .default(null)
      .meta({ description: 'New value of an old value that the map does not hold; null: no value' }),
  }),
  z.strictObject({
    kind: z.literal('split-table'),
    into: tableNameSchema,
    key: z.union([identifierSchema, z.array(identifierSchema).min(1)]),
    columns: z
      .record(identifierSchema, columnType)
      .refine((columns) => Object.keys(columns).length > 0, 'must name at least one column')
      .meta({ description: 'Columns that move, with their types' }),
    onlyFilled: z
      .boolean()
      .default(false)
      .meta({ description: 'A row only where at least one of the columns holds a value' }),
  }),
]);
export type Preset = z.output<typeof presetSchema>;

/** An index built after the backfill, without blocking writers. */
export const newIndexSchema = z.strictObject({
  name: identifierSchema,
  columns: z.array(identifierSchema).min(1),
  unique: z.boolean().default(false),
  method: z.enum(['btree', 'hash', 'gin', 'gist', 'brin', 'spgist']).default('btree'),
});
export type NewIndex = z.output<typeof newIndexSchema>;

const REFERENCE_ACTIONS = ['no action', 'restrict', 'cascade', 'set null'] as const;

/** A constraint on the new shape, added without a scan and validated beside the writers. */
export const newConstraintSchema = z.union([
  z.strictObject({ name: identifierSchema, check: expression }),
  z.strictObject({
    name: identifierSchema,
    foreignKey: z.strictObject({
      columns: z.array(identifierSchema).min(1),
      references: tableNameSchema,
      referencedColumns: z.array(identifierSchema).min(1),
      onDelete: z.enum(REFERENCE_ACTIONS).default('no action'),
      onUpdate: z.enum(REFERENCE_ACTIONS).default('no action'),
    }),
  }),
]);
export type NewConstraint = z.output<typeof newConstraintSchema>;

const limit = z.number().nonnegative().nullable();

/** Limits of the backfill; `null` turns one off. A gauge with a limit that cannot be read stops the backfill. */
export const throttleSchema = z.strictObject({
  replicaLagSeconds: limit.default(10),
  slotWalBytes: limit.default(4 * 1024 ** 3).meta({ description: 'WAL kept for our slot' }),
  lockWaiters: limit.default(0).meta({ description: 'Sessions that wait for a lock on the table' }),
  longestTransactionSeconds: limit.default(600),
  writerLatencyMs: limit.default(50).meta({ description: 'Time of a probing commit' }),
  diskFreeBytes: limit.default(null).meta({ description: 'A lower bound: less free space than this stops' }),
  autovacuumRunning: limit.default(null).meta({ description: 'Autovacuum workers on the table' }),
});
export type ThrottleLimits = z.output<typeof throttleSchema>;

export const schemaChangeSpecSchema = z.strictObject({
  database: z.string().min(1).meta({ description: 'A connection named in SWITCHYARD_DATABASES' }),
  table: tableNameSchema,
  key: z
    .union([identifierSchema, z.array(identifierSchema).min(1)])
    .transform((key) => (typeof key === 'string' ? [key] : key))
    .optional()
    .meta({ description: 'Default: the primary key' }),
  presets: z.array(presetSchema).default([]),
  columns: newColumns.optional(),
  target: targetTableSchema.optional(),
  reverse: z
    .record(identifierSchema, expression)
    .default({})
    .meta({ description: 'Old column -> expression over the new shape; keeps it true after writes were switched' }),
  indexes: z.array(newIndexSchema).default([]),
  constraints: z.array(newConstraintSchema).default([]),
  notNull: z.array(identifierSchema).default([]),
  drop: z.array(identifierSchema).default([]).meta({ description: 'Old columns that go at the end' }),
  source: z.enum(['log', 'kafka']).default('log'),
  backfill: z
    .strictObject({
      by: z.enum(['pages', 'keys']).default('pages'),
      chunkTarget: durationSchema.default(25).meta({ description: 'Longest time that a chunk holds row locks; 25ms' }),
      throttle: throttleSchema.prefault({}),
    })
    .prefault({}),
  switch: z
    .strictObject({
      readFlag: z.string().min(1).optional().meta({ description: 'A boolean flag: read the new shape' }),
      writeFlag: z.string().min(1).optional().meta({ description: 'old, both or new' }),
      rollout: z
        .array(z.number().int().min(1).max(100))
        .min(1)
        .default([100])
        .refine((steps) => steps.every((step, i) => i === 0 || step > (steps[i - 1] ?? 0)), 'must rise')
        .refine((steps) => steps.at(-1) === 100, 'must end with 100'),
      services: z.array(z.string().min(1)).default([]).meta({ description: 'Who must acknowledge each flip' }),
      settle: durationSchema
        .default(30_000)
        .meta({ description: 'Waited for after a flip when no service acknowledges' }),
      acknowledgeWithin: durationSchema.default(300_000),
    })
    .prefault({}),
  gates: z
    .strictObject({
      maxLagSeconds: z.number().nonnegative().default(30),
      minStableSeconds: z.number().nonnegative().default(120),
      coolDown: durationSchema.default(86_400_000).meta({ description: 'Between the switch and the gate contract' }),
      maxBackupAge: durationSchema.optional().meta({ description: 'Without it no backup is asked for' }),
    })
    .prefault({}),
  approvals: z
    .strictObject({ cutover: approvalPolicySchema.prefault({}), contract: approvalPolicySchema.prefault({}) })
    .prefault({}),
});
export type SchemaChangeSpec = z.output<typeof schemaChangeSpecSchema>;

/** A schema change as it is written. What its parts mean together is checked by `@switchyard/schema-change`. */
export const schemaChangeSchema = z.strictObject({
  apiVersion: z.literal('switchyard.dev/v1'),
  kind: z.literal('SchemaChange'),
  metadata: z.strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower case: letters, digits and dashes, beginning with a letter'),
    description: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
  }),
  spec: schemaChangeSpecSchema,
});
export type SchemaChange = z.output<typeof schemaChangeSchema>;
/** What a TypeScript caller writes. */
export type SchemaChangeGiven = z.input<typeof schemaChangeSchema>;

/** Input of `migrateUsersNameSplitWorkflow`: nothing, or what differs from the preset; the shape itself is fixed. */
export const usersNameSplitSchema = schemaChangeSpecSchema
  .pick({ database: true, table: true, source: true, backfill: true, switch: true, gates: true, approvals: true })
  .partial()
  .nullish()
  .transform((overrides) => overrides ?? {});
