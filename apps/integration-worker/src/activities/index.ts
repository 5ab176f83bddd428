import type { IntegrationActivities } from '@switchyard/contracts';
import { createCheckHealth } from './check-health.js';
import { createHttpRequest } from './http-request.js';
import { createNotify } from './notify.js';
import type { IntegrationPorts } from './ports.js';

export type { IntegrationPorts } from './ports.js';

/** The activities of integration-queue. */
export function createActivities(ports: IntegrationPorts): IntegrationActivities {
  return {
    httpRequest: createHttpRequest(ports),
    checkHealth: createCheckHealth(ports),
    notify: createNotify(ports),
  };
}
