import { secretsFromEnv } from '@switchyard/shared-db';
import { openEventWriter, openWorkerStore, type WorkerContext } from '@switchyard/worker-kit';
import type { IntegrationPorts } from './activities/index.js';

/** Opens the store for events, and the secrets. */
export async function openPorts(context: WorkerContext): Promise<IntegrationPorts> {
  const { env, masker, onClose } = context;
  const store = await openWorkerStore(context);
  const events = openEventWriter(context, store);
  const secrets = secretsFromEnv(env);
  onClose('secrets', () => secrets.close());
  return { events, secrets, masker };
}
