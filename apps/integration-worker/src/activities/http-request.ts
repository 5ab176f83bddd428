import { httpRequestSchema, parseOrThrow, type IntegrationActivities } from '@switchyard/contracts';
import { lowerCased } from '../http/lower-cased.js';
import { MAX_BODY_BYTES, shownUrl } from '../http/request.js';
import { statusFailure } from '../http/status-failure.js';
import { inCall } from './call.js';
import type { IntegrationPorts } from './ports.js';

/** Step `http`: one request, with an idempotency key on everything that changes something. */
export function createHttpRequest(ports: IntegrationPorts): IntegrationActivities['httpRequest'] {
  return (call) =>
    inCall(ports, call, async ({ masker, send, tell, text, resolve }) => {
      const input = parseOrThrow(httpRequestSchema, call.input, `step "${call.step}"`);
      const { url, method, expectStatus, timeout } = input;
      const body = await resolve(input.body);
      const what = `${method} ${shownUrl(url)}`;
      const answer = await send({
        url,
        method,
        headers: {
          ...(typeof body === 'string' || body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(['GET', 'HEAD'].includes(method) ? {} : { 'idempotency-key': input.idempotencyKey ?? call.effect }),
          ...lowerCased((await resolve(input.headers)) as Record<string, string>),
        },
        body: typeof body === 'string' || body === undefined ? body : JSON.stringify(body),
        timeoutMs: timeout,
        ca: input.ca === undefined ? undefined : await text(input.ca),
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
