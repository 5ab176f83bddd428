import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { CodedError, parseOrThrow } from '@switchyard/contracts';
import { flagDefinitionSchema, flagKeySchema, type FlagDefinition } from '@switchyard/flags';
import { z } from 'zod';
import { recordDecision } from '../decisions.js';
import { count, execute, rows, type Db } from '../sql.js';
import { FLAGS_CHANNEL, lockFlags, type Flag, type FlagRun } from './flag.js';
import { readFlag } from './read.js';

/** Options of {@link setFlag}. */
export interface SetFlagOptions {
  readonly key: string;
  readonly definition: FlagDefinition;
  /** The run that wants it; it becomes the owner. */
  readonly run: FlagRun;
  /** What for, in words for people; kept with the flag and in the audit. */
  readonly reason: string;
  /**
   * The version that the caller believes the flag has; 0: that there is none. A call that was late, because its worker
   * was taken for dead, then changes nothing. Default: whatever it has.
   */
  readonly expectedVersion?: number;
  /**
   * Whether the run of another owner may still be at work. When it is closed, the flag is taken over. Without it a flag
   * of another run is never changed. An error of it is thrown, and nothing is changed.
   */
  readonly isRunOpen?: (runId: string) => Promise<boolean>;
  /** Who decided. Default `switchyard`. */
  readonly by?: string;
  /** By which way. Default `run`. */
  readonly channel?: string;
}

/** What {@link setFlag} did. */
export interface SetFlagResult {
  readonly key: string;
  /** The version that this definition has. */
  readonly version: number;
  /** False when the flag was like that already. */
  readonly isChanged: boolean;
}

/**
 * Sets a flag to a value; makes it if there is none. A call whose answer was lost is simply made again: what is so
 * already keeps its version. A change is recorded as a decision, and whoever listens is notified.
 * @throws CodedError InvalidInput for a definition that does not fit; LockUnavailable when another run owns the flag;
 * PreflightRefused when the version is another one than expected
 */
export async function setFlag(db: Db, options: SetFlagOptions): Promise<SetFlagResult> {
  const key = parseOrThrow(flagKeySchema, options.key, 'flag key');
  const definition = parseOrThrow(flagDefinitionSchema, options.definition, `flag "${key}"`);
  const { isRunOpen } = options;
  let closedOwner: string | undefined;
  for (;;) {
    const attempt = await db.transaction((trx) => trySet(trx, { ...options, key, definition }, closedOwner));
    if ('version' in attempt) return attempt;
    const { owner } = attempt;
    // The question goes to another server, so no transaction is open while it is asked.
    if (isRunOpen === undefined || owner === closedOwner || (await isRunOpen(owner))) throw ownedBy(key, owner);
    closedOwner = owner;
  }
}

/** Sets it, or gives the owner who stands in the way. */
async function trySet(
  trx: Db,
  options: SetFlagOptions,
  closedOwner: string | undefined,
): Promise<SetFlagResult | { readonly owner: string }> {
  const { key, definition, run, reason, expectedVersion } = options;
  await lockFlags(trx, 'change');
  const before = await readFlag(trx, key);
  if (before && before.owner !== run.runId && before.owner !== closedOwner) return { owner: before.owner };
  if (before && isDeepStrictEqual(before.definition, definition)) {
    await execute(
      trx,
      `update switchyard.flags set owner = :owner, reason = :reason
        where key = :key and version = :version and owner <> :owner`,
      { key, version: before.version, owner: run.runId, reason },
    );
    return { key, version: before.version, isChanged: false };
  }
  const version = before?.version ?? 0;
  if (expectedVersion !== undefined && expectedVersion !== version) throw unexpected(key, expectedVersion, version);
  const next = await nextVersion(trx);
  await write(trx, { key, definition, run, reason, before, next });
  await recordDecision(trx, {
    id: randomUUID(),
    ...run,
    subject: `flag:${key}`,
    decision: 'set',
    by: options.by ?? 'switchyard',
    channel: options.channel ?? 'run',
    reason,
    evidence: '',
    data: {
      version: next,
      definition,
      before: before ? { version: before.version, definition: before.definition } : null,
    },
    at: new Date().toISOString(),
  });
  await execute(trx, 'select pg_notify(:channel, :key)', { channel: FLAGS_CHANNEL, key });
  return { key, version: next, isChanged: true };
}

async function nextVersion(trx: Db): Promise<number> {
  const [row] = await rows(
    trx,
    z.object({ last_version: count }),
    'update switchyard.flag_counter set last_version = last_version + 1 returning last_version',
  );
  if (!row) throw new Error('switchyard.flag_counter has lost its row');
  return row.last_version;
}

interface Write {
  readonly key: string;
  readonly definition: FlagDefinition;
  readonly run: FlagRun;
  readonly reason: string;
  readonly before: Flag | undefined;
  readonly next: number;
}

async function write(trx: Db, { key, definition, run, reason, before, next }: Write): Promise<void> {
  const written = await execute(
    trx,
    `insert into switchyard.flags as f
       (key, kind, variants, default_variant, rollout, rules, is_enabled, version, owner, reason)
     values (:key, :kind, :variants::jsonb, :defaultVariant, :rollout::jsonb, :rules::jsonb, :isEnabled,
             :next::bigint, :owner, :reason)
     on conflict (key) do update
       set kind = excluded.kind, variants = excluded.variants, default_variant = excluded.default_variant,
           rollout = excluded.rollout, rules = excluded.rules, is_enabled = excluded.is_enabled,
           version = excluded.version, owner = excluded.owner, reason = excluded.reason, updated_at = now()
     where f.version = :before::bigint`,
    {
      key,
      kind: definition.kind,
      variants: JSON.stringify(definition.variants),
      defaultVariant: definition.defaultVariant,
      rollout: definition.rollout === null ? null : JSON.stringify(definition.rollout),
      rules: JSON.stringify(definition.rules),
      isEnabled: definition.isEnabled,
      next,
      owner: run.runId,
      reason,
      before: before?.version ?? 0,
    },
  );
  if (written === 0) throw new Error(`flag "${key}" changed while it was locked`);
}

const ownedBy = (key: string, owner: string): CodedError =>
  new CodedError('LockUnavailable', `flag "${key}" belongs to run ${owner}: wait for its end, or abort it`, {
    details: { key, owner },
  });

const unexpected = (key: string, expected: number, version: number): CodedError =>
  new CodedError(
    'PreflightRefused',
    `flag "${key}" has version ${version} and not ${expected}: it was changed meanwhile; read it again before you set it`,
    { details: { key, expected, version } },
  );
