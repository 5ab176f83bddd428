import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createDatabase, parseDatabaseConfig } from '@switchyard/shared-db';
import { migrate, type Db } from '@switchyard/store';
import { createTestDatabase, startPostgres } from '@switchyard/testkit';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** A migrated store, and the built command line that works with it in a folder of its own. */
export interface StoreWorld extends AsyncDisposable {
  readonly knex: Db;
  /** What a call prints; rejects with `code`, `stdout` and `stderr` when it ends with another code than 0. */
  readonly cli: (...words: string[]) => Promise<string>;
}

/** @param more environment of the command line, beside the store and its folder */
export async function openStoreWorld(more: Readonly<Record<string, string>> = {}): Promise<StoreWorld> {
  await using opened = new AsyncDisposableStack();
  const server = opened.use(await startPostgres());
  const { env: database } = opened.use(await createTestDatabase({ server }));
  const config = parseDatabaseConfig(database);
  const { knex } = opened.use(createDatabase({ role: 'app', config, applicationName: 'test' }));
  await migrate(knex);
  const folder = await mkdtemp(join(tmpdir(), 'cli-store-'));
  opened.defer(() => rm(folder, { recursive: true }));
  const env = { PATH: process.env['PATH'], SWITCHYARD_ROOT: folder, ...database, ...more };
  const end = opened.move();
  return {
    knex,
    cli: async (...words) => (await promisify(execFile)(process.execPath, [MAIN, ...words], { env })).stdout,
    [Symbol.asyncDispose]: () => end.disposeAsync(),
  };
}
