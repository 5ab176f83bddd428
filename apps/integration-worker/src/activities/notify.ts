import { notifySchema, parseOrThrow, type IntegrationActivities, type NotifyInput } from '@switchyard/contracts';
import { lowerCased } from '../http/lower-cased.js';
import { shownUrl } from '../http/request.js';
import { statusFailure } from '../http/status-failure.js';
import { tellSlack } from '../services/slack.js';
import { inCall, type CallTools } from './call.js';
import type { IntegrationPorts } from './ports.js';

const TIMEOUT_MS = 10_000;
const EXPECTED = [200, 201, 202, 204] as const;

/**
 * Step `notify`: tells people through Slack or a webhook. It fails like any request; that this is a warning of the run
 * and not its end is the coordinator's decision.
 */
export function createNotify(ports: IntegrationPorts): IntegrationActivities['notify'] {
  return (call) =>
    inCall(ports, call, async (tools) => {
      const input = parseOrThrow(notifySchema, call.input, `step "${call.step}"`);
      if (input.slack) {
        const result = await tellSlack(tools, input.slack, input);
        await tools.tell({ type: 'notified', message: `told Slack: ${input.text}`, subject: 'slack' });
        return result;
      }
      const host = await tellUrl(tools, input);
      await tools.tell({ type: 'notified', message: `told ${host}: ${input.text}`, subject: host });
      return { delivered: true, warning: null };
    });
}

/** Posts `{text, fields}`. @returns the host that was told */
async function tellUrl(tools: CallTools, { url: given = '', headers, text, fields, ca }: NotifyInput): Promise<string> {
  const url = await tools.text(given);
  const { host } = new URL(url);
  // A URL that comes from a secret is one.
  const shown = typeof given === 'string' ? shownUrl(url) : `the webhook at ${host}`;
  const answer = await tools.send({
    url,
    shown,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'idempotency-key': tools.effect,
      ...lowerCased((await tools.resolve(headers)) as Record<string, string>),
    },
    body: JSON.stringify(Object.keys(fields).length ? { text, fields } : { text }),
    timeoutMs: TIMEOUT_MS,
    ca: ca === undefined ? undefined : await tools.text(ca),
  });
  if (!EXPECTED.some((status) => status === answer.status)) throw statusFailure(`POST ${shown}`, answer, EXPECTED);
  return host;
}
