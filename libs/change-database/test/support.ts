import { parseDatabaseUrl, type DatabaseConnection } from '@switchyard/shared-db';
import { createTestDatabase, type TestDatabase } from '@switchyard/testkit';
import type { Shape, Statement } from '@switchyard/schema-change';
import { afterAll, beforeAll } from 'vitest';
import { withChangeSession, type ChangeSession } from '../src/index.js';

export const SHAPE: Shape = {
  id: 'run-1',
  source: { schema: 'public', name: 'users' },
  target: { schema: 'public', name: 'users' },
  sameRow: true,
  where: null,
  key: [{ source: 'id', target: 'id', type: 'bigint', collation: null }],
  columns: [{ name: 'upper_name', type: 'text', expression: 'upper(name)' }],
  reverse: [],
};

/** SQL without parameters. */
export const sql = (text: string): Statement => ({ text, values: [] });

/** One database for a test file; `open` runs `use` with a session of its own. */
export function useDatabase(): {
  connection: () => DatabaseConnection;
  open: <T>(use: (session: ChangeSession) => Promise<T>) => Promise<T>;
} {
  let database: TestDatabase | undefined;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database?.drop());
  const connection = (): DatabaseConnection => parseDatabaseUrl(database?.url ?? '');
  return {
    connection,
    open: (use) =>
      withChangeSession(
        { connection: connection(), name: 'test', shape: SHAPE, signal: new AbortController().signal },
        use,
      ),
  };
}
