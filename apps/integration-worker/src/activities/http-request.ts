import { httpRequestSchema, parseOrThrow, type IntegrationActivities } from '@switchyard/contracts';
import { MAX_BODY_BYTES, sendRequest, shownUrl } from '../http/request.js';
import { resolveSecrets } from '../http/secrets.js';
import { inCall } from './call.js';
import type { IntegrationPorts } from './ports.js';
import { statusFailure } from './status-failure.js';

/** Step `http`: one request, with an idempotency key on everything that changes something. */
export function createHttpRequest(ports: IntegrationPorts): IntegrationActivities['httpRequest'] {
  return (call) =>
    inCall(ports, call, async ({ masker, signal, tell }) => {
      const input = parseOrThrow(httpRequestSchema, call.input, `step "${call.step}"`);
      const { url, method, expectStatus, timeout } = input;
      const { headers, body } = await resolveSecrets(
        { headers: input.headers, body: input.body },
        ports.secrets,
        masker,
      );
      const what = `${method} ${shownUrl(url)}`;
      const answer = await sendRequest({
        url,
        method,
        headers: {
          ...(typeof body === 'string' || body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(['GET', 'HEAD'].includes(method) ? {} : { 'idempotency-key': input.idempotencyKey ?? call.effect }),
          ...lowerCased(headers as Record<string, string>),
        },
        body: typeof body === 'string' || body === undefined ? body : JSON.stringify(body),
        timeoutMs: timeout,
        signal,
      });
      if (!expectStatus.includes(answer.status)) throw statusFailure(what, answer, expectStatus);
      await tell({
        type: 'http_answered',
        level: answer.isCut ? 'warning' : 'info',
        message: `${what}: ${answer.status} in ${answer.durationMs} ms${answer.isCut ? `; body cut at ${MAX_BODY_BYTES} bytes` : ''}`,
        subject: shownUrl(url),
        data: { status: answer.status, durationMs: answer.durationMs },
      });
      return { status: answer.status, body: masker.maskValue(answer.body), durationMs: answer.durationMs };
    });
}

/** Header names do not differ by case: a given one replaces the default of the same name. */
export function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
