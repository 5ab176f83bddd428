import {
  createDatabase,
  connectDatabase,
  parseDatabaseConfig,
  parseDatabaseUrl,
  type Database,
} from '@switchyard/shared-db';
import { environment, status, type StackStatus } from '@switchyard/local-stack';
import { Client, Connection } from '@temporalio/client';
import type { CommandLine } from './checkout.js';

/** A stack that is up, with open connections to everything in it. */
export interface OpenStack {
  readonly client: Client;
  /** Switchyard's own tables. */
  readonly store: Database;
  /** The database that migrations change. */
  readonly app: Database;
  status(): Promise<StackStatus>;
  close(): Promise<void>;
}

/**
 * Starts the stack of a checkout through the command line, or joins it, and connects to it.
 * @param env what the caller of `up` has set
 */
export async function openStack(checkout: CommandLine, env: Record<string, string> = {}): Promise<OpenStack> {
  const up = await checkout.json(['up'], { env, timeoutMs: 300_000 });
  if (up.code !== 0) throw new Error(`up failed: ${JSON.stringify(up.value)} ${up.stderr}`);
  const now = async (): Promise<StackStatus> => {
    const found = await status(checkout.root);
    if (!found) throw new Error('the stack is not running');
    return found;
  };
  const { temporal, databases } = await now();
  const connection = await Connection.connect({ address: temporal.address });
  const store = createDatabase({
    role: 'app',
    config: parseDatabaseConfig((await environment(checkout.root, {})) ?? {}),
    applicationName: 'switchyard/e2e',
  });
  const app = connectDatabase(parseDatabaseUrl(databases['app']?.url ?? ''), { applicationName: 'switchyard/e2e' });
  return {
    client: new Client({ connection, namespace: temporal.namespace }),
    store,
    app,
    status: now,
    async close() {
      await connection.close();
      await store.close({ deadlineMs: 2_000 });
      await app.close({ deadlineMs: 2_000 });
    },
  };
}
