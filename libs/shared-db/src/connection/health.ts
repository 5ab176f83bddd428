import type { Knex } from 'knex';
import type { CodedError } from '@switchyard/contracts';
import { toDatabaseError } from '../errors/database-error.js';

/** Options of a health probe. */
export interface HealthOptions {
  /** Milliseconds after which the server counts as unreachable. Default: 3 000. */
  readonly timeoutMs?: number;
}

/** What a probe found. `ok` means that the server answers and takes writes. */
export type Health =
  | { readonly ok: true; readonly latencyMs: number; readonly serverVersion: string }
  | { readonly ok: false; readonly latencyMs: number; readonly reason: string; readonly error: CodedError };

interface ProbeRow {
  readonly recovering: boolean;
  readonly readOnly: string;
  readonly serverVersion: string;
}

/** Asks the server whether it takes writes, without writing: a standby behind a moved address answers `select 1` as well. */
export async function probe(db: Knex, label: string, { timeoutMs = 3_000 }: HealthOptions = {}): Promise<Health> {
  const start = performance.now();
  const latencyMs = (): number => Math.round((performance.now() - start) * 10) / 10;
  let timer: NodeJS.Timeout | undefined;
  // The race covers the wait for a connection too, which a query's own time-out does not.
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), timeoutMs);
  });
  const asked = db
    .raw<{ readonly rows: readonly ProbeRow[] }>(
      `select pg_is_in_recovery() as "recovering", current_setting('transaction_read_only') as "readOnly",
              current_setting('server_version') as "serverVersion"`,
    )
    .timeout(timeoutMs, { cancel: true })
    .then((result) => result.rows[0]);
  try {
    const row = await Promise.race([asked, late]);
    if (row === 'late' || row === undefined) {
      const error = toDatabaseError(Object.assign(new Error('late'), { code: 'ETIMEDOUT' }), { database: label });
      return { ok: false, latencyMs: latencyMs(), reason: `${label} did not answer within ${timeoutMs} ms`, error };
    }
    if (row.recovering || row.readOnly === 'on') {
      const error = toDatabaseError(Object.assign(new Error('read-only'), { code: '25006', severity: 'ERROR' }), {
        database: label,
      });
      return { ok: false, latencyMs: latencyMs(), reason: error.message, error };
    }
    return { ok: true, latencyMs: latencyMs(), serverVersion: row.serverVersion };
  } catch (caught) {
    const error = toDatabaseError(caught, { database: label });
    return { ok: false, latencyMs: latencyMs(), reason: error.message, error };
  } finally {
    clearTimeout(timer);
    // When the race was lost the question still ends by its own time-out; nobody waits for it.
    asked.catch(() => undefined);
  }
}
