import { randomUUID } from 'node:crypto';
import type { FlagDefinition } from '@switchyard/flags';
import { createDatabase, parseDatabaseConfig, type Database } from '@switchyard/shared-db';
import { migrate, setFlag, type SetFlagResult } from '@switchyard/store';
import { createTestDatabase, type TestDatabase } from '@switchyard/testkit';
import { afterAll, beforeAll } from 'vitest';

/** The store of a test file. */
export interface World {
  readonly env: Readonly<Record<string, string>>;
  readonly port: number;
  readonly db: Database['knex'];
  set(key: string, definition: FlagDefinition): Promise<SetFlagResult>;
}

/** A migrated store for one test file. */
export function useWorld(): () => World {
  let test: TestDatabase | undefined;
  let database: Database | undefined;
  beforeAll(async () => {
    test = await createTestDatabase();
    database = createDatabase({ role: 'app', config: parseDatabaseConfig(test.env), applicationName: 'test' });
    await migrate(database.knex);
  });
  afterAll(async () => {
    await database?.close();
    await test?.drop();
  });
  return () => {
    if (!test || !database) throw new Error('the store is there from the first test on');
    const { knex: db } = database;
    return {
      env: test.env,
      port: test.port,
      db,
      set: (key, definition) =>
        setFlag(db, { key, definition, run: { runId: 'test', workflowId: 'test' }, reason: 'a test' }),
    };
  };
}

/** A name that no other test uses. */
export const newName = (what: string): string => `${what}-${randomUUID()}`;

/** An answer of the gateway. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Sends a request with a JSON body. */
export async function call(
  method: string,
  url: string,
  { body, headers = {} }: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? null : (JSON.parse(text) as unknown),
  };
}
