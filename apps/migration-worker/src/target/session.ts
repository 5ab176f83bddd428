import { withDedicatedSession, type DedicatedSessionOptions, type Session as Driver } from '@switchyard/shared-db';
import type { QueryConfig, QueryResult } from 'pg';

/** One dedicated session: settings, locks and transactions of a migration must not leak into another one's. */
export interface Session {
  /** Rows of one statement. */
  readonly rows: <R extends object>(sql: string, values?: readonly unknown[]) => Promise<R[]>;
  /**
   * First row and number of rows of one query that somebody else wrote, in a read-only transaction that is rolled back.
   * The rows stay on the server. Text that holds more than one statement is refused by the protocol.
   */
  readonly observe: (query: string) => Promise<{ readonly rows: number; readonly value: unknown }>;
  /** Runs text that may hold several statements. Errors are the driver's, for callers that show the server's words. */
  readonly run: (sql: string) => Promise<readonly QueryResult[]>;
  /** Whether a transaction is open. */
  readonly isInTransaction: () => boolean;
}

/** Opens a session, runs `use` and closes it; errors as of `withDedicatedSession`. */
export function withSession<T>(options: DedicatedSessionOptions, use: (session: Session) => Promise<T>): Promise<T> {
  return withDedicatedSession(options, (driver) => use(sessionOver(driver)));
}
function sessionOver(driver: Driver): Session {
  return {
    async rows<R extends object>(sql: string, values: readonly unknown[] = []) {
      return (await driver.query<R>(sql, [...values])).rows;
    },
    async observe(query) {
      await driver.query('begin transaction read only');
      try {
        await driver.query({
          text: `declare observed no scroll cursor for ${query.replace(/;\s*$/, '')}`,
          queryMode: 'extended',
        } as QueryConfig);
        const first = await driver.query<unknown[]>({ text: 'fetch 1 from observed', rowMode: 'array' });
        const rest = await driver.query('move forward all in observed');
        return { rows: first.rows.length + (rest.rowCount ?? 0), value: first.rows[0]?.[0] };
      } finally {
        await driver.query('rollback').catch(() => undefined);
      }
    },
    async run(sql) {
      const result = (await driver.query(sql)) as QueryResult | QueryResult[];
      return Array.isArray(result) ? result : [result];
    },
    isInTransaction: () => driver.getTransactionStatus() !== 'I',
  };
}
