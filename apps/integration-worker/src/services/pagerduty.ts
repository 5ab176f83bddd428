import type { PageInput, PageResult } from '@switchyard/contracts';
import { z } from 'zod';
import type { CallTools } from '../activities/call.js';
import { markOf } from '../effects/mark.js';
import { jsonApi } from './json-api.js';

const accepted = z.object({ status: z.string(), message: z.string(), dedup_key: z.string() });
const refusal = z.object({ message: z.string(), errors: z.array(z.string()).default([]) });

/**
 * Sends one event to PagerDuty. Events with the same deduplication key are one alert, so that sending it again after a
 * lost answer pages nobody twice.
 */
export async function sendPage(tools: CallTools, input: PageInput): Promise<PageResult> {
  const { action } = input;
  const api = jsonApi(tools, {
    name: 'PagerDuty',
    url: input.url,
    headers: {},
    timeoutMs: input.timeout,
    ca: input.ca === undefined ? undefined : await tools.text(input.ca),
    saidIn: (body) => {
      const said = refusal.safeParse(body);
      return said.success ? [said.data.message, ...said.data.errors].join(': ') : undefined;
    },
  });
  const answer = await api.ask(accepted, {
    method: 'POST',
    path: '/v2/enqueue',
    body: {
      routing_key: await tools.text(input.routingKey),
      event_action: action,
      dedup_key: input.dedupKey ?? markOf(tools.effect),
      ...(action === 'trigger' ? { client: 'Switchyard', payload: payloadOf(tools, input), links: input.links } : {}),
    },
  });
  return { status: answer.status, dedupKey: answer.dedup_key, message: answer.message };
}

function payloadOf(tools: CallTools, input: PageInput): Record<string, unknown> {
  return {
    summary: input.summary,
    source: input.source,
    severity: input.severity,
    component: input.component,
    group: input.group,
    class: input.class,
    custom_details: { ...input.details, run: tools.run.runId, step: tools.step },
  };
}
