import { pageSchema, parseOrThrow, type IntegrationActivities } from '@switchyard/contracts';
import { sendPage } from '../services/pagerduty.js';
import { inCall } from './call.js';
import type { IntegrationPorts } from './ports.js';

/** Step `page`: triggers, acknowledges or resolves one alert. */
export function createSendPage(ports: IntegrationPorts): IntegrationActivities['sendPage'] {
  return (call) =>
    inCall(ports, call, async (tools) => {
      const input = parseOrThrow(pageSchema, call.input, `step "${call.step}"`);
      const result = await sendPage(tools, input);
      const { dedupKey } = result;
      await tools.tell({
        type: 'paged',
        message: `PagerDuty took ${input.action} of ${dedupKey}: ${result.message}`,
        subject: dedupKey,
      });
      return result;
    });
}
