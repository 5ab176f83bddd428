import { flagDefinitionSchema, type FlagDefinition } from '@switchyard/flags';
import { z } from 'zod';
import { createListener, type Listener } from '../listener.js';
import { ADVISORY_CLASS, ADVISORY_LOCKS, count, execute, time, type Db } from '../sql.js';

/** The channel that is notified with the key when a flag was set or removed. */
export const FLAGS_CHANNEL = 'switchyard_flags';

/** Hears which flags changed. */
export const createFlagListener = (db: Db): Listener => createListener(db, FLAGS_CHANNEL);

/** The run that changes a flag, and which of its workflows does it. */
export interface FlagRun {
  readonly runId: string;
  readonly workflowId: string;
}

/** A flag as the store keeps it. */
export interface Flag {
  readonly key: string;
  readonly definition: FlagDefinition;
  /** Rises with each change, also over a removal; never given twice. */
  readonly version: number;
  /** Id of the run that set it last. No other run changes it while that one is open. */
  readonly owner: string;
  /** What for, in words for people. */
  readonly reason: string;
  readonly updatedAt: string;
}

export const FLAG_COLUMNS =
  'key, kind, variants, default_variant, rollout, rules, is_enabled, version, owner, reason, updated_at';

export const flagRow = z
  .object({
    key: z.string(),
    kind: z.unknown(),
    variants: z.unknown(),
    default_variant: z.unknown(),
    rollout: z.unknown(),
    rules: z.unknown(),
    is_enabled: z.unknown(),
    version: count,
    owner: z.string(),
    reason: z.string(),
    updated_at: time,
  })
  .transform((r): Flag => ({
    key: r.key,
    definition: flagDefinitionSchema.parse({
      kind: r.kind,
      variants: r.variants,
      defaultVariant: r.default_variant,
      rollout: r.rollout,
      rules: r.rules,
      isEnabled: r.is_enabled,
    }),
    version: r.version,
    owner: r.owner,
    reason: r.reason,
    updatedAt: r.updated_at,
  }));

/**
 * Keeps changes of flags and the admission of instances apart until the transaction ends. Without it an instance that
 * starts while a flag is being flipped could read the old version, and become visible only after somebody had looked
 * for laggards and found none. A row could not do this: a flag that does not exist yet has none.
 */
export async function lockFlags(trx: Db, mode: 'change' | 'report'): Promise<void> {
  const take = mode === 'change' ? 'pg_advisory_xact_lock' : 'pg_advisory_xact_lock_shared';
  await execute(trx, `select ${take}(:class::int, :lock::int)`, { class: ADVISORY_CLASS, lock: ADVISORY_LOCKS.flags });
}
