import { makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import type { Log } from './logger.js';
import { temporalLogger } from './logger.js';

/** Options of {@link installRuntime}. */
export interface RuntimeOptions {
  readonly worker: string;
  readonly log: Log;
  readonly host: string;
  /** Undefined: no metrics are kept. */
  readonly metricsPort: number | undefined;
}

/** Address that this process itself reaches a listener by. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

/**
 * Installs Temporal's runtime, once per process and before any worker: logs go to the worker's logger, metrics to the
 * Prometheus port. Signals are left to the worker, which must also stop while it is still connecting.
 * Returns the address of the metrics.
 */
export function installRuntime({ worker, log, host, metricsPort }: RuntimeOptions): { metricsUrl?: string } {
  const bindHost = host.includes(':') ? `[${host}]` : host;
  Runtime.install({
    logger: temporalLogger(log.child({ component: 'temporal' })),
    shutdownSignals: [],
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} },
      ...(metricsPort === undefined
        ? {}
        : {
            metrics: {
              globalTags: { worker },
              prometheus: {
                bindAddress: `${bindHost}:${metricsPort}`,
                countersTotalSuffix: true,
                unitSuffix: true,
                useSecondsForDurations: true,
              },
            },
          }),
    },
  });
  return metricsPort === undefined ? {} : { metricsUrl: `http://${reachable(host)}:${metricsPort}/metrics` };
}
