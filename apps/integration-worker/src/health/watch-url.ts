import { CodedError, type HealthCheckInput } from '@switchyard/contracts';
import type { CallTools } from '../activities/call.js';
import { lowerCased } from '../http/lower-cased.js';
import { sendRequest, shownUrl, type Answer } from '../http/request.js';
import type { Watched } from './watched.js';

/** The URLs of a check. A slow or broken answer is a bad one; a redirect is the status that it is. */
export async function watchUrls(tools: CallTools, input: HealthCheckInput): Promise<Watched[]> {
  const headers = lowerCased((await tools.resolve(input.headers)) as Record<string, string>);
  const ca = input.ca === undefined ? undefined : await tools.text(input.ca);
  const fields = Object.entries(input.expectJson ?? {}).map(([field, value]) => `${field} ${JSON.stringify(value)}`);
  const required = [`status ${input.expectStatus}`, ...fields].join(', ');
  const { http, signal } = tools;
  return input.urls.map((url) => ({
    name: shownUrl(url),
    required,
    async look(timeoutMs) {
      try {
        const answer = await sendRequest(http, { url, method: 'GET', headers, ca, timeoutMs, signal });
        const fault = faultOf(answer, input);
        return { fault, observed: fault ?? `status ${answer.status}` };
      } catch (error) {
        if (!(error instanceof CodedError) || LASTING.some((code) => code === error.code)) throw error;
        return { fault: error.message, observed: error.message };
      }
    },
  }));
}

/** What another look does not mend. */
const LASTING = ['InlineCredentialsRefused', 'PolicyDenied'] as const;

function faultOf(answer: Answer, input: HealthCheckInput): string | undefined {
  if (answer.status !== input.expectStatus) return `status ${answer.status}`;
  for (const [field, required] of Object.entries(input.expectJson ?? {})) {
    const body = jsonOf(answer.body) as Record<string, unknown> | null;
    const observed = typeof body === 'object' && body !== null && Object.hasOwn(body, field) ? body[field] : undefined;
    if (JSON.stringify(observed) !== JSON.stringify(required)) {
      return `${field} is ${JSON.stringify(observed) ?? 'missing'}`;
    }
  }
  return undefined;
}

/** Many health endpoints send JSON without saying so: asked for fields, a text is read as JSON when it is one. */
function jsonOf(body: unknown): unknown {
  if (typeof body !== 'string') return body;
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
