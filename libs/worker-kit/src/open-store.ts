import { createDatabase, parseDatabaseConfig } from '@switchyard/shared-db';
import { openStore, type EventWriter, type Store } from '@switchyard/store';
import type { ProcessContext } from './run-process.js';

/**
 * Opens the store that DB_* names, and closes it with the process. Its schema must be there: `switchyard up` or the
 * migration job of a deployment makes it.
 * @throws SchemaTooNew, DatabaseUnreachable, AuthFailed
 */
export async function openWorkerStore({ config, env, log, name, onClose }: ProcessContext): Promise<Store> {
  const database = createDatabase({
    role: 'app',
    config: parseDatabaseConfig(env),
    applicationName: `switchyard/${name}`,
    onWarning: (message) => log.warn(message),
  });
  onClose('database', async () => {
    await database.close();
  });
  const key = config.artifactKey;
  const store = openStore({
    knex: database.knex,
    ...(key === undefined ? {} : { key: Buffer.from(key).toString('base64') }),
  });
  onClose('store', () => store.close());
  await store.assertSchema();
  return store;
}

/** A writer for what the programs of a worker say; what it still holds is stored before the worker ends. */
export function openEventWriter({ log, onClose }: ProcessContext, store: Store): EventWriter {
  const events = store.createEventWriter({
    onRetry: ({ error, events: waiting }) => log.warn({ err: error, waiting }, 'events could not be stored yet'),
  });
  onClose('events', async () => {
    const { unstored } = await events.close();
    if (unstored.length > 0) log.error({ events: unstored.length }, 'events were not stored');
  });
  return events;
}
