import type { IntegrationActivities } from '@switchyard/contracts';
import { createAskCmdb } from './ask-cmdb.js';
import { createCheckHealth } from './check-health.js';
import { createHttpRequest } from './http-request.js';
import { createKeepDnsRecord } from './keep-dns-record.js';
import { createKeepTicket } from './keep-ticket.js';
import { createManageVm } from './manage-vm.js';
import { createNotify } from './notify.js';
import type { IntegrationPorts } from './ports.js';
import { createSendPage } from './send-page.js';

export type { IntegrationPorts } from './ports.js';

/** The activities of integration-queue and vmware-task-queue. */
export function createActivities(ports: IntegrationPorts): IntegrationActivities {
  return {
    httpRequest: createHttpRequest(ports),
    checkHealth: createCheckHealth(ports),
    notify: createNotify(ports),
    sendPage: createSendPage(ports),
    keepTicket: createKeepTicket(ports),
    keepDnsRecord: createKeepDnsRecord(ports),
    askCmdb: createAskCmdb(ports),
    manageVm: createManageVm(ports),
  };
}
