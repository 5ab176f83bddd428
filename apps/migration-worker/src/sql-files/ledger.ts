import { CodedError } from '@switchyard/contracts';
import type { Session } from '../target/session.js';
import type { SqlFile } from './read.js';

/** A file in the table `switchyard_migrations` of the target database. */
export interface LedgerRow {
  readonly name: string;
  readonly sha256: string;
  /** Execution that began it. */
  readonly execution: string;
  /** Whether all of it is applied; false for a file without transaction that was interrupted. */
  readonly isApplied: boolean;
  /** Statements of a file without transaction that are done. */
  readonly statements: number;
}

const KEY = 'switchyard_migrations';

/** Whether the table is there. */
export async function hasLedger({ rows }: Session): Promise<boolean> {
  const [row] = await rows<{ found: boolean }>(
    "select to_regclass(quote_ident(current_schema()) || '.switchyard_migrations') is not null as found",
  );
  return row?.found === true;
}

/** Makes the table; two runs may do it at once because both hold the lock first. */
export async function ensureLedger(session: Session): Promise<void> {
  await session.rows(
    `create table if not exists switchyard_migrations (
       name text primary key,
       sha256 text not null,
       run_id text not null,
       execution_id text not null,
       position int not null,
       statements int not null default 0,
       started_at timestamptz not null default now(),
       applied_at timestamptz
     )`,
  );
}

/** Every row in the order of applying; none when the table is missing. */
export async function readLedger(session: Session): Promise<LedgerRow[]> {
  if (!(await hasLedger(session))) return [];
  return session.rows<LedgerRow>(
    `select name, sha256, execution_id as execution, applied_at is not null as "isApplied", statements
       from switchyard_migrations order by position`,
  );
}

/** Holds the lock of the ledger for as long as the session lives. LockUnavailable names who holds it. */
export async function lockLedger({ rows }: Session): Promise<void> {
  const [row] = await rows<{ locked: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 0)) as locked', [
    KEY,
  ]);
  if (row?.locked) return;
  const holders = await rows<{ pid: number; name: string }>(
    `select l.pid, coalesce(nullif(a.application_name, ''), a.usename::text, '?') as name
       from pg_locks l left join pg_stat_activity a on a.pid = l.pid
      where l.locktype = 'advisory' and l.granted and l.objsubid = 1
        and l.database = (select oid from pg_database where datname = current_database())
        and ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended($1, 0)`,
    [KEY],
  );
  const who = holders.map(({ pid, name }) => `${name} (backend ${pid})`).join(', ');
  throw new CodedError(
    'LockUnavailable',
    `Another run applies SQL files to this database: ${who || 'it has just ended'}`,
    { retryable: false },
  );
}

/** What is to run, in order. Refuses applied files that were changed or removed, and files that sort before applied ones. */
export function pendingFiles(files: readonly SqlFile[], ledger: readonly LedgerRow[]): SqlFile[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  const problems: string[] = [];
  for (const row of ledger) {
    const file = byName.get(row.name);
    if (!file) problems.push(`"${row.name}" was applied and is gone from the directory`);
    else if (file.sha256 !== row.sha256) {
      problems.push(
        `"${row.name}" was changed after it was ${row.isApplied ? 'applied' : 'begun'} (sha256 ${row.sha256.slice(0, 12)}, now ${file.sha256.slice(0, 12)})`,
      );
    }
  }
  const applied = new Set(ledger.filter((row) => row.isApplied).map((row) => row.name));
  const pending = files.filter((file) => !applied.has(file.name));
  const last = [...applied].toSorted().at(-1);
  for (const file of pending) {
    if (last !== undefined && file.name < last && !ledger.some((row) => row.name === file.name)) {
      problems.push(`"${file.name}" is new but sorts before "${last}", which is applied`);
    }
  }
  if (problems.length === 0) return pending;
  throw new CodedError(
    'PreflightRefused',
    `${problems.join('; ')}. Restore the files as they were applied, and put changes into new ones`,
    {
      details: { problems },
    },
  );
}
