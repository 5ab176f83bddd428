import { SIGNALS } from '@switchyard/contracts';
import { secretsFromEnv } from '@switchyard/shared-db';
import type { Db } from '@switchyard/store';
import { openEventWriter, openWorkerStore, type WorkerContext } from '@switchyard/worker-kit';
import { getClient } from '@temporalio/activity';
import type { IntegrationPorts } from './activities/index.js';
import { storeLedger } from './effects/ledger.js';
import { createHttpClient } from './http/client.js';
import { HostPauses } from './http/host-pauses.js';

/** Connections to one host at once: enough for a fan-out, few enough for a service that counts them. */
const PER_HOST = 10;

/** Opens the store for events and effects, the secrets, and the connections to other services. */
export async function openPorts(
  context: WorkerContext,
): Promise<{ readonly db: Db; readonly ports: IntegrationPorts }> {
  const { env, log, masker, onClose } = context;
  const store = await openWorkerStore(context);
  const events = openEventWriter(context, store);
  const secrets = secretsFromEnv(env);
  onClose('secrets', () => secrets.close());
  const http = createHttpClient({ perHost: PER_HOST });
  onClose('connections to services', () => http.close());
  const ports: IntegrationPorts = {
    events,
    secrets,
    masker,
    http,
    pauses: new HostPauses(),
    ledger: storeLedger(store.db),
    async report(run, progress) {
      try {
        await getClient().workflow.getHandle(run.workflowId).signal(SIGNALS.progress, progress);
      } catch (error) {
        // Whoever asked may be gone; the call itself goes on.
        log.warn({ err: error, step: progress.step }, 'the workflow could not be told that its step waits');
      }
    },
  };
  return { db: store.db, ports };
}
