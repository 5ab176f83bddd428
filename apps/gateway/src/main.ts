import { once } from 'node:events';
import { GATEWAY_VARIABLES, openWorkerStore, runProcess } from '@switchyard/worker-kit';
import { createApp } from './create-app.js';
import { openFlagCache } from './flags/cache.js';
import { assertBindable } from './http/access.js';
import { listen } from './listen.js';

await runProcess({ name: 'gateway', variables: GATEWAY_VARIABLES }, async (context) => {
  const { config, log, stopping, onClose } = context;
  const access = { host: config.gatewayHost, token: config.gatewayToken };
  assertBindable(access);
  const { db } = await openWorkerStore(context);
  const cache = openFlagCache({ db, maxAgeMs: config.flagLease, log });
  onClose('flags', () => cache.close());
  const app = createApp({ db, cache, access, leaseMs: config.flagLease, stopping, log });
  onClose('http server', () => app.close());
  const url = await listen(app, { host: config.gatewayHost, port: config.gatewayPort });
  log.info({ url, health: url }, 'running');
  if (!stopping.aborted) await once(stopping, 'abort');
});
