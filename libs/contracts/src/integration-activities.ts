import type {
  HealthCheckInput,
  HealthResult,
  HttpRequestInput,
  HttpResult,
  NotifyInput,
  NotifyResult,
} from './inputs/integration.js';
import type { RunRef } from './run-activities.js';

/** For which step of which run an activity of the integration worker works. */
export interface IntegrationCall<I> {
  readonly run: RunRef;
  /** Step id; events carry it. */
  readonly step: string;
  /** The same over all attempts at one effect, and different for every other: the idempotency key. */
  readonly effect: string;
  readonly input: I;
}

/** The activities on integration-queue: `integration-worker` implements them, the coordinator calls them. */
export interface IntegrationActivities {
  readonly httpRequest: (call: IntegrationCall<HttpRequestInput>) => Promise<HttpResult>;
  readonly checkHealth: (call: IntegrationCall<HealthCheckInput>) => Promise<HealthResult>;
  readonly notify: (call: IntegrationCall<NotifyInput>) => Promise<NotifyResult>;
}
