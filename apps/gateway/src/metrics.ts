import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { App } from './http/app.js';

/** What the gateway counts, and the text for a scraper. */
export interface Metrics {
  /** Evaluations by flag and outcome: the variant, or OpenFeature's error code. */
  readonly evaluations: Counter<'flag' | 'outcome'>;
  /** Reports of instances by service, accepted or refused. */
  readonly reports: Counter<'service' | 'outcome'>;
  /** Requests by route and status. */
  readonly requests: Histogram<'method' | 'route' | 'status'>;
  readonly contentType: string;
  text(): Promise<string>;
}

/** Metrics of one gateway. `flagsAgeMs` is asked at each scrape. */
export function createMetrics(flagsAgeMs: () => number): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const age: Gauge = new Gauge({
    name: 'switchyard_gateway_flags_age_seconds',
    help: 'Time since the flags were last read from the store',
    registers,
    collect: () => age.set(flagsAgeMs() / 1_000),
  });
  return {
    evaluations: new Counter({
      name: 'switchyard_gateway_flag_evaluations_total',
      help: 'Evaluations by flag and variant, or error code',
      labelNames: ['flag', 'outcome'],
      registers,
    }),
    reports: new Counter({
      name: 'switchyard_gateway_instance_reports_total',
      help: 'Reports of instances by service, accepted or refused',
      labelNames: ['service', 'outcome'],
      registers,
    }),
    requests: new Histogram({
      name: 'switchyard_gateway_request_seconds',
      help: 'Duration of requests by method, route and status',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10],
      registers,
    }),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}

/** Counts every request under the route that it met, never under its own path: there are only so many routes. */
export function countRequests(app: App, { requests }: Metrics): void {
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1_000);
    done();
  });
}
