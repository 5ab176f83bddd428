import { parseDatabases, secretsFromEnv } from '@switchyard/shared-db';
import type { Store } from '@switchyard/store';
import { openEventWriter, openWorkerStore, type WorkerContext } from '@switchyard/worker-kit';
import type { StreamPorts } from './activities/ports.js';

/** What the worker holds open. */
export interface Resources extends StreamPorts {
  readonly store: Store;
}

/** Opens the store and the named connections. */
export async function openResources(context: WorkerContext): Promise<Resources> {
  const store = await openWorkerStore(context);
  const events = openEventWriter(context, store);
  const secrets = secretsFromEnv(context.env);
  context.onClose('secrets', () => secrets.close());
  return { store, events, databases: parseDatabases(context.env, secrets) };
}
