import { z } from 'zod';
import { approvalPolicySchema } from '../approval-policy.js';
import { durationSchema } from '../duration.js';
import { secretRefSchema } from '../secret-ref.js';
import { pathSchema, withSpellings } from './caller-spelling.js';

/** What a validation query must return: the first column of its first row, or the number of its rows. */
export const expectationSchema = z
  .strictObject({
    equals: z.union([z.string(), z.number(), z.boolean(), z.null()]).optional(),
    min: z.number().optional(),
    max: z.number().optional(),
    rows: z.number().int().nonnegative().optional(),
  })
  .refine(
    (expect) => Object.values(expect).some((value) => value !== undefined),
    'name at least one of equals, min, max, rows',
  );

export const validationSchema = z.strictObject({
  name: z.string().optional(),
  sql: z.string().min(1),
  expect: expectationSchema,
});

/** Where a run tells people about its end. Failing to tell never fails the run. */
export const notificationSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  headers: z.record(z.string(), z.union([z.string(), secretRefSchema])).default({}),
});

const fields = z.strictObject({
  database: z.string().min(1).optional().meta({ description: 'A connection named in SWITCHYARD_DATABASES' }),
  databaseUrl: z.string().min(1).optional().meta({ description: 'postgres://user@host:port/name without a password' }),
  changelogFile: pathSchema.optional().meta({ description: 'Liquibase changelog (YAML, XML, JSON or formatted SQL)' }),
  migrationsDir: pathSchema
    .optional()
    .meta({ description: 'Directory of plain SQL files, applied in the order of their names' }),
  contexts: z.array(z.string().min(1)).optional().meta({ description: 'Liquibase contexts' }),
  labels: z.string().min(1).optional().meta({ description: 'Liquibase label filter' }),
  parameters: z.record(z.string(), z.string()).default({}).meta({ description: 'Liquibase changelog parameters' }),
  backupRequired: z.boolean().default(false),
  backup: z
    .strictObject({
      directory: pathSchema.optional(),
      name: z
        .string()
        .regex(/^[\w.-]+$/)
        .optional(),
    })
    .prefault({})
    .meta({
      description:
        'Directory below the backup root of the worker, and file name; an earlier backup is never overwritten',
    }),
  validate: z.array(validationSchema).default([]),
  approval: approvalPolicySchema
    .optional()
    .meta({ description: 'Asked after the backup, over the statements that will run' }),
  onFailure: z.enum(['rollback', 'restore', 'hold']).default('rollback'),
  loadGate: z
    .strictObject({ sql: z.string().min(1), max: z.number(), wait: durationSchema.default(10 * 60_000) })
    .optional()
    .meta({ description: 'Wait until the first column of the first row is at most `max`' }),
  notify: notificationSchema.optional(),
  timeout: durationSchema
    .default(60 * 60_000)
    .meta({ description: 'For one of backup, update and rollback; default 1h' }),
});

/** Input of DatabaseMigrationWorkflow. `DatabaseURL`, `ChangelogFile` and `BackupRequired` are accepted. */
export const migrationInputSchema = withSpellings(
  fields.superRefine((input, ctx) => {
    if ((input.database === undefined) === (input.databaseUrl === undefined)) {
      ctx.addIssue({ code: 'custom', path: ['database'], message: 'name one connection: `database` or `databaseUrl`' });
    }
    if ((input.changelogFile === undefined) === (input.migrationsDir === undefined)) {
      ctx.addIssue({
        code: 'custom',
        path: ['changelogFile'],
        message: 'name one source of changes: `changelogFile` or `migrationsDir`',
      });
    }
    if (input.onFailure === 'restore' && !input.backupRequired) {
      ctx.addIssue({ code: 'custom', path: ['onFailure'], message: '"restore" needs `backupRequired: true`' });
    }
  }),
  {
    DatabaseURL: 'databaseUrl',
    ChangelogFile: 'changelogFile',
    BackupRequired: 'backupRequired',
    database_url: 'databaseUrl',
    changelog_file: 'changelogFile',
    backup_required: 'backupRequired',
  },
);
export type MigrationInput = z.output<typeof migrationInputSchema>;
/** What a TypeScript caller writes. */
export type MigrationInputGiven = z.input<typeof fields>;

export const validationReportSchema = z.object({
  name: z.string(),
  passed: z.boolean(),
  expected: z.string(),
  observed: z.string(),
});
export type ValidationReport = z.output<typeof validationReportSchema>;

export const migrationResultSchema = z.object({
  runId: z.string(),
  applied: z.array(z.string()),
  backup: z.object({ artifact: z.string(), bytes: z.number().int(), sha256: z.string(), path: z.string() }).nullable(),
  validation: z.array(validationReportSchema),
  rolledBack: z.boolean(),
  warnings: z.array(z.string()),
  durationMs: z.number(),
});
export type MigrationResult = z.output<typeof migrationResultSchema>;
