import type { App } from './http/app.js';
import type { Metrics } from './metrics.js';

/** What the health routes tell. */
export interface HealthOptions {
  /** `RUNNING`, or why no calls should come: `STALE`, `STOPPING`. */
  readonly state: () => string;
  readonly metrics: Metrics;
}

/** `/live` (the event loop turns), `/ready` (flags are fresh), `/metrics`; for probes and scrapers, without sign-in. */
export function registerHealth(app: App, { state, metrics }: HealthOptions): void {
  app.get('/live', () => ({ status: 'live' }));
  app.get('/ready', (_request, reply) => reply.status(state() === 'RUNNING' ? 200 : 503).send({ state: state() }));
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
}
