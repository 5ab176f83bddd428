import type { SchemaChangeGiven } from '@switchyard/contracts';

/** What a caller of the preset may set; the shape itself is fixed. */
export type UsersNameSplitOverrides = Partial<
  Pick<SchemaChangeGiven['spec'], 'database' | 'table' | 'source' | 'backfill' | 'switch' | 'gates' | 'approvals'>
>;

/**
 * The change behind `migrateUsersNameSplitWorkflow`: `users.name` becomes `first_name` and `last_name`. Overrides are
 * laid over the parts of the preset field by field: a shorter cool-down keeps the flags.
 */
export function usersNameSplit(overrides: UsersNameSplitOverrides = {}): SchemaChangeGiven {
  return {
    apiVersion: 'switchyard.dev/v1',
    kind: 'SchemaChange',
    metadata: { name: 'users-name-split' },
    spec: {
      database: 'app',
      table: 'public.users',
      columns: {
        first_name: { type: 'text', from: "split_part(btrim(name), ' ', 1)" },
        last_name: { type: 'text', from: "nullif(regexp_replace(btrim(name), '^\\S+\\s*', ''), '')" },
      },
      reverse: { name: "concat_ws(' ', first_name, last_name)" },
      indexes: [{ name: 'idx_users_last_name', columns: ['last_name'] }],
      notNull: ['first_name'],
      drop: ['name'],
      source: 'log',
      ...overrides,
      backfill: { chunkTarget: '25ms', ...overrides.backfill },
      switch: {
        readFlag: 'users.read-new-name',
        writeFlag: 'users.write-mode',
        rollout: [10, 50, 100],
        services: ['users-service'],
        ...overrides.switch,
      },
      gates: { maxLagSeconds: 30, minStableSeconds: 120, coolDown: '24h', ...overrides.gates },
      approvals: { cutover: { required: 1 }, contract: { required: 1 }, ...overrides.approvals },
    },
  };
}
