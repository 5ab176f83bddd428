import { CodedError } from '@switchyard/contracts';
import { z } from 'zod';
import { ensureEventPartitions } from './events/partitions.js';
import { MIGRATIONS, type Migration } from './migrations/index.js';
import { ADVISORY_CLASS, ADVISORY_LOCKS, execute, rows, sqlState, type Db } from './sql.js';

/** Options of {@link migrate}. */
export interface MigrateOptions {
  /** Milliseconds to wait for another process that migrates. Default 60,000. */
  readonly lockTimeoutMs?: number;
  /** The steps to know; only tests give their own. */
  readonly migrations?: readonly Migration[];
}

/** What {@link migrate} did. */
export interface MigrateResult {
  /** `000001-events`, ...: the steps that this call applied; empty when the schema was current. */
  readonly applied: readonly string[];
}

const label = (m: { readonly id: number; readonly name: string }): string =>
  `${String(m.id).padStart(6, '0')}-${m.name}`;

/**
 * Brings the schema `switchyard` to this release and makes the event partitions of the coming months.
 * Safe when many processes start at once: one works, the others wait and find nothing to do.
 * @throws CodedError SchemaTooNew when a newer release was here; LockUnavailable when the wait took too long
 */
export async function migrate(db: Db, options: MigrateOptions = {}): Promise<MigrateResult> {
  const migrations = options.migrations ?? MIGRATIONS;
  const applied: string[] = [];
  for (;;) {
    // Without the lock first: the usual start has nothing to do and shall not queue.
    if (pendingOf(await appliedMigrations(db), migrations).length === 0) break;
    const step = await applyNext(db, migrations, options.lockTimeoutMs ?? 60_000);
    if (step) applied.push(step);
  }
  await ensureEventPartitions(db);
  return { applied };
}

/**
 * Refuses to work on tables that this release does not know; changes nothing.
 * @throws CodedError SchemaTooNew when a newer release migrated them; PreflightRefused when `migrate` did not run yet
 */
export async function assertSchema(db: Db, options: Pick<MigrateOptions, 'migrations'> = {}): Promise<void> {
  const pending = pendingOf(await appliedMigrations(db), options.migrations ?? MIGRATIONS);
  if (pending.length === 0) return;
  throw new CodedError(
    'PreflightRefused',
    `the tables of schema switchyard lack ${pending.map(label).join(', ')}: run the migration of this release first`,
    { details: { missing: pending.map(label) } },
  );
}

/** The steps that the database has, oldest first; empty when the schema does not exist. */
export async function appliedMigrations(db: Db): Promise<{ id: number; name: string }[]> {
  try {
    return await rows(
      db,
      z.object({ id: z.number(), name: z.string() }),
      'select id, name from switchyard.migrations order by id',
    );
  } catch (error) {
    if (MISSING_TABLE.has(sqlState(error) ?? '')) return [];
    throw error;
  }
}

/** undefined_table, invalid_schema_name */
const MISSING_TABLE = new Set(['42P01', '3F000']);

function pendingOf(applied: readonly { id: number; name: string }[], migrations: readonly Migration[]): Migration[] {
  const known = new Set(migrations.map((m) => m.id));
  const unknown = applied.filter((a) => !known.has(a.id));
  if (unknown.length > 0) {
    const newest = migrations.at(-1);
    throw new CodedError(
      'SchemaTooNew',
      `the tables of schema switchyard have ${unknown.map(label).join(', ')}, and this release knows them only up to ` +
        `${newest ? label(newest) : 'none'}: run the release that migrated them, or a newer one`,
      { details: { unknown: unknown.map(label) } },
    );
  }
  const done = new Set(applied.map((a) => a.id));
  return migrations.filter((m) => !done.has(m.id));
}

/** Applies the oldest missing step in a transaction of its own; undefined when another process was faster. */
async function applyNext(db: Db, migrations: readonly Migration[], lockTimeoutMs: number): Promise<string | undefined> {
  return db.transaction(async (trx) => {
    await waitForTurn(trx, lockTimeoutMs);
    // Under the lock, because `if not exists` alone fails with a unique violation when two run it at once.
    await trx.raw(
      `create schema if not exists switchyard;
       create table if not exists switchyard.migrations (
         id int primary key, name text not null, applied_at timestamptz not null default now()
       )`,
    );
    const [next] = pendingOf(await appliedMigrations(trx), migrations);
    if (!next) return undefined;
    await trx.raw(next.sql);
    await execute(trx, 'insert into switchyard.migrations (id, name) values (:id, :name)', {
      id: next.id,
      name: next.name,
    });
    return label(next);
  });
}

async function waitForTurn(trx: Db, lockTimeoutMs: number): Promise<void> {
  try {
    await execute(
      trx,
      `select set_config('lock_timeout', :timeout, true), set_config('statement_timeout', '0', true)`,
      {
        timeout: `${lockTimeoutMs}ms`,
      },
    );
    await execute(trx, 'select pg_advisory_xact_lock(:class::int, :lock::int)', {
      class: ADVISORY_CLASS,
      lock: ADVISORY_LOCKS.migrate,
    });
  } catch (error) {
    if (sqlState(error) !== '55P03') throw error;
    throw new CodedError(
      'LockUnavailable',
      `another process has been migrating schema switchyard for more than ${lockTimeoutMs} ms: ` +
        `look for it with select * from pg_locks where locktype = 'advisory' and classid = ${ADVISORY_CLASS}`,
      { cause: error },
    );
  }
}
