import { setTimeout as sleep } from 'node:timers/promises';
import {
  CodedError,
  healthCheckSchema,
  parseOrThrow,
  type HealthCheckInput,
  type IntegrationActivities,
} from '@switchyard/contracts';
import { activityInfo, heartbeat } from '@temporalio/activity';
import { sendRequest, shownUrl, type Answer } from '../http/request.js';
import { resolveSecrets } from '../http/secrets.js';
import { inCall } from './call.js';
import { lowerCased } from './http-request.js';
import type { IntegrationPorts } from './ports.js';

/** Longest time of one request; a slow answer is a bad one. */
const REQUEST_MS = 5_000;

/** What is known of one URL. */
interface Watched {
  readonly url: string;
  streak: number;
  observed: string;
}

/** What survives a worker that dies: a further attempt goes on with the time that is left. */
interface Progress {
  readonly startedAt: number;
  readonly checks: number;
}

/** Step `health`: asks all URLs again and again until each was well often enough in a row, or the time is up. */
export function createCheckHealth(ports: IntegrationPorts): IntegrationActivities['checkHealth'] {
  return (call) =>
    inCall(ports, call, async ({ masker, signal, tell }) => {
      const input = parseOrThrow(healthCheckSchema, call.input, `step "${call.step}"`);
      const headers = lowerCased(
        (await resolveSecrets(input.headers, ports.secrets, masker)) as Record<string, string>,
      );
      const before = activityInfo().heartbeatDetails as Progress | undefined;
      const startedAt = before?.startedAt ?? Date.now();
      const deadline = startedAt + input.within;
      const watched = input.urls.map((url): Watched => ({ url, streak: 0, observed: 'not asked yet' }));
      for (let checks = (before?.checks ?? 0) + 1; ; checks += 1) {
        heartbeat({ startedAt, checks } satisfies Progress);
        await Promise.all(watched.map((one) => check(one, input, headers, deadline, signal)));
        if (watched.every((one) => one.streak >= input.successes)) {
          const durationMs = Date.now() - startedAt;
          await tell({
            type: 'healthy',
            message: `${watched.length} healthy after ${checks} checks`,
            data: { checks, durationMs },
          });
          return { healthy: watched.map((one) => one.url), checks, durationMs };
        }
        if (Date.now() + input.interval > deadline) throw gateFailed(watched, input);
        await pause(input.interval, { startedAt, checks }, signal);
      }
    });
}

async function check(
  one: Watched,
  input: HealthCheckInput,
  headers: Readonly<Record<string, string>>,
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  const timeoutMs = Math.max(100, Math.min(REQUEST_MS, deadline - Date.now()));
  try {
    const answer = await sendRequest({ url: one.url, method: 'GET', headers, body: undefined, timeoutMs, signal });
    const fault = faultOf(answer, input);
    one.streak = fault === undefined ? one.streak + 1 : 0;
    one.observed = fault ?? `status ${answer.status}`;
  } catch (error) {
    if (!(error instanceof CodedError) || error.code === 'InlineCredentialsRefused') throw error;
    one.streak = 0;
    one.observed = error.message;
  }
}

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

function gateFailed(watched: readonly Watched[], input: HealthCheckInput): CodedError {
  const fields = Object.entries(input.expectJson ?? {}).map(([field, value]) => `${field} ${JSON.stringify(value)}`);
  const required = [`status ${input.expectStatus}`, ...fields, `${input.successes} times in a row`].join(', ');
  const failing = watched
    .filter((one) => one.streak < input.successes)
    .map((one) => ({ url: shownUrl(one.url), required, observed: one.observed, streak: one.streak }));
  const told = failing.map((one) => `${one.url}: ${one.observed}`).join('; ');
  return new CodedError('GateFailed', `not healthy within ${input.within} ms: ${told}`, { details: { failing } });
}

/** Waits, with a sign of life every few seconds so that a long interval does not look like a dead worker. */
async function pause(ms: number, progress: Progress, signal: AbortSignal): Promise<void> {
  const end = Date.now() + ms;
  while (Date.now() < end) {
    try {
      await sleep(Math.min(2_000, end - Date.now()), undefined, { signal });
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    }
    heartbeat(progress);
  }
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
