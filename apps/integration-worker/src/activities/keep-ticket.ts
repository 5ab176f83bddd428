import { CodedError, parseOrThrow, ticketSchema, type IntegrationActivities } from '@switchyard/contracts';
import { keepIssue } from '../services/jira.js';
import { keepRecord } from '../services/servicenow.js';
import { inCall } from './call.js';
import type { IntegrationPorts } from './ports.js';

/** Step `ticket`: opens one ticket per run and step, or closes one. */
export function createKeepTicket(ports: IntegrationPorts): IntegrationActivities['keepTicket'] {
  return (call) =>
    inCall(ports, call, async (tools) => {
      const input = parseOrThrow(ticketSchema, call.input, `step "${call.step}"`);
      const { jira, servicenow, action } = input;
      const result = jira
        ? await keepIssue(tools, jira, input)
        : servicenow
          ? await keepRecord(tools, servicenow, input)
          : noService();
      const done = action === 'open' ? 'opened' : 'closed';
      const { key, url, changed } = result;
      await tools.tell({
        type: action === 'open' ? 'ticket_opened' : 'ticket_closed',
        message: changed ? `${done} ${key}` : `${key} was ${done} already`,
        subject: key,
        data: { url, changed },
      });
      return result;
    });
}

function noService(): never {
  throw new CodedError('InvalidInput', 'a ticket needs `jira` or `servicenow`');
}
