import type { CmdbInput, CmdbResult } from './inputs/integration/cmdb.js';
import type { DnsInput, DnsResult } from './inputs/integration/dns.js';
import type { HealthCheckInput, HealthResult } from './inputs/integration/health.js';
import type { HttpRequestInput, HttpResult } from './inputs/integration/http.js';
import type { NotifyInput, NotifyResult } from './inputs/integration/notify.js';
import type { PageInput, PageResult } from './inputs/integration/page.js';
import type { TicketInput, TicketResult } from './inputs/integration/ticket.js';
import type { VmInput, VmResult } from './inputs/integration/vm.js';
import { TASK_QUEUES, type TaskQueue } from './queues.js';
import type { RunRef } from './run-activities.js';

/** For which step of which run an activity of the integration worker works. */
export interface IntegrationCall<I> {
  readonly run: RunRef;
  /** Step id; events carry it. */
  readonly step: string;
  /**
   * `<execution>/<path>`: the same over all attempts at one effect, and different for every other one of every run. The
   * idempotency key, and the key of the ledger.
   */
  readonly effect: string;
  readonly input: I;
}

/** The activities on integration-queue: `integration-worker` implements them, workflows call them. */
export interface IntegrationActivities {
  readonly httpRequest: (call: IntegrationCall<HttpRequestInput>) => Promise<HttpResult>;
  readonly checkHealth: (call: IntegrationCall<HealthCheckInput>) => Promise<HealthResult>;
  readonly notify: (call: IntegrationCall<NotifyInput>) => Promise<NotifyResult>;
  readonly sendPage: (call: IntegrationCall<PageInput>) => Promise<PageResult>;
  readonly keepTicket: (call: IntegrationCall<TicketInput>) => Promise<TicketResult>;
  readonly keepDnsRecord: (call: IntegrationCall<DnsInput>) => Promise<DnsResult>;
  readonly askCmdb: (call: IntegrationCall<CmdbInput>) => Promise<CmdbResult>;
  /** On the queue that {@link vmQueueOf} names. */
  readonly manageVm: (call: IntegrationCall<VmInput>) => Promise<VmResult>;
}

/** Where a machine is managed: the workers of vmware-task-queue are the ones that reach vCenter. */
export const vmQueueOf = (input: VmInput): TaskQueue => (input.vcenter ? TASK_QUEUES.vmware : TASK_QUEUES.integration);
