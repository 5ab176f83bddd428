import type { Db } from '@switchyard/store';
import type { Log } from '@switchyard/worker-kit';
import { fastify } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { FlagCache } from './flags/cache.js';
import { registerOfrep } from './flags/ofrep.js';
import { registerFlags } from './flags/routes.js';
import { registerHealth } from './health.js';
import { checkAccess, type Access } from './http/access.js';
import type { App } from './http/app.js';
import { tell } from './http/errors.js';
import { countRequests, createMetrics } from './metrics.js';

/** What the gateway is made of. */
export interface AppOptions {
  readonly db: Db;
  readonly cache: FlagCache;
  readonly access: Access;
  /** Milliseconds that an instance is granted with each report, and that flags in memory count. */
  readonly leaseMs: number;
  readonly stopping: AbortSignal;
  readonly log: Log;
}

/** Bodies are small: a context, a report. */
const BODY_LIMIT = 64 * 1024;

/** The HTTP server with all of its routes; it listens to nothing yet. */
export function createApp({ db, cache, access, leaseMs, stopping, log }: AppOptions): App {
  const app: App = fastify({
    loggerInstance: log,
    disableRequestLogging: true,
    bodyLimit: BODY_LIMIT,
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error, request, reply) => {
    const { status, code, message } = tell(error);
    if (status >= 500) request.log.error({ err: error, route: request.routeOptions.url }, 'the request failed');
    return reply.status(status).send({ code, message });
  });
  app.setNotFoundHandler((request, reply) =>
    reply
      .status(404)
      .send({ code: 'NotFound', message: `there is no ${request.method} ${request.url.split('?')[0] ?? ''}` }),
  );

  const metrics = createMetrics(() => cache.ageMs());
  countRequests(app, metrics);
  const state = (): string => {
    if (stopping.aborted) return 'STOPPING';
    return cache.ageMs() <= leaseMs ? 'RUNNING' : 'STALE';
  };
  registerHealth(app, { state, metrics });
  // Each part is a scope of its own: what it hooks in does not reach the others.
  app.register((part: App, _options, done) => {
    part.addHook('onRequest', (request, _reply, next) => {
      checkAccess(access, request);
      next();
    });
    part.register((ofrep: App, _none, ready) => {
      registerOfrep(ofrep, { cache, metrics });
      ready();
    });
    registerFlags(part, { db, cache, leaseMs, metrics });
    done();
  });
  return app;
}
