import { notifySchema, parseOrThrow, type IntegrationActivities } from '@switchyard/contracts';
import { sendRequest, shownUrl } from '../http/request.js';
import { resolveSecrets } from '../http/secrets.js';
import { inCall } from './call.js';
import { lowerCased } from './http-request.js';
import type { IntegrationPorts } from './ports.js';
import { statusFailure } from './status-failure.js';

const TIMEOUT_MS = 10_000;
const EXPECTED = [200, 201, 202, 204] as const;

/**
 * Step `notify`: posts `{text, fields}` to a webhook. It fails like any request; that this is a warning of the run and
 * not its end is the coordinator's decision.
 */
export function createNotify(ports: IntegrationPorts): IntegrationActivities['notify'] {
  return (call) =>
    inCall(ports, call, async ({ masker, signal, tell }) => {
      const input = parseOrThrow(notifySchema, call.input, `step "${call.step}"`);
      const headers = await resolveSecrets(input.headers, ports.secrets, masker);
      const { text, fields, url } = input;
      const what = `POST ${shownUrl(url)}`;
      const answer = await sendRequest({
        url,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'idempotency-key': call.effect,
          ...lowerCased(headers as Record<string, string>),
        },
        body: JSON.stringify(Object.keys(fields).length ? { text, fields } : { text }),
        timeoutMs: TIMEOUT_MS,
        signal,
      });
      if (!EXPECTED.some((status) => status === answer.status)) throw statusFailure(what, answer, EXPECTED);
      await tell({ type: 'notified', message: `told ${new URL(url).host}: ${text}`, subject: shownUrl(url) });
      return { delivered: true, warning: null };
    });
}
