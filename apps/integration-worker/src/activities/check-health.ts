import { setTimeout as sleep } from 'node:timers/promises';
import {
  CodedError,
  healthCheckSchema,
  parseOrThrow,
  type HealthCheckInput,
  type HealthResult,
  type IntegrationActivities,
} from '@switchyard/contracts';
import { activityInfo } from '@temporalio/activity';
import { watchQueries } from '../health/watch-query.js';
import { watchUrls } from '../health/watch-url.js';
import type { Look, Watched } from '../health/watched.js';
import { inLastingCall } from './call.js';
import type { IntegrationPorts } from './ports.js';

/** Longest time of one look; a slow answer is a bad one. */
const REQUEST_MS = 5_000;
/** A look that begins has so long, also when the time is nearly up: what is well must not be called slow. */
const SHORTEST_MS = 1_000;

/** What is known of one thing that is watched. */
interface Standing {
  readonly watched: Watched;
  streak: number;
  last: Look;
}

/** What survives a worker that dies: a further attempt goes on with the time that is left. */
interface Progress {
  readonly startedAt: number;
  readonly checks: number;
}

/**
 * Step `health`: looks at all URLs and queries again and again until each was well often enough in a row, or the time
 * is up.
 */
export function createCheckHealth(ports: IntegrationPorts): IntegrationActivities['checkHealth'] {
  return (call) => {
    const before = activityInfo().heartbeatDetails as Progress | undefined;
    let progress: Progress = before ?? { startedAt: Date.now(), checks: 0 };
    return inLastingCall(
      ports,
      call,
      async (tools) => {
        const input = parseOrThrow(healthCheckSchema, call.input, `step "${call.step}"`);
        const deadline = progress.startedAt + input.within;
        const all = [...(await watchUrls(tools, input)), ...(await watchQueries(tools, input))];
        const standings = all.map((watched): Standing => ({ watched, streak: 0, last: NOT_YET }));
        for (;;) {
          progress = { ...progress, checks: progress.checks + 1 };
          await Promise.all(standings.map((one) => look(one, deadline)));
          if (standings.every(({ streak }) => streak >= input.successes)) break;
          if (Date.now() + input.interval > deadline) throw gateFailed(standings, input);
          await sleep(input.interval, undefined, { signal: tools.signal });
        }
        const result = resultOf(standings, input, progress);
        const { checks, durationMs, values } = result;
        await tools.tell({
          type: 'healthy',
          message: `${standings.length} healthy after ${checks} checks`,
          data: { checks, durationMs, values },
        });
        return result;
      },
      () => progress,
    );
  };
}

const NOT_YET: Look = { fault: 'not asked yet', observed: 'not asked yet' };

async function look(one: Standing, deadline: number): Promise<void> {
  const timeoutMs = Math.max(SHORTEST_MS, Math.min(REQUEST_MS, deadline - Date.now()));
  one.last = await one.watched.look(timeoutMs);
  one.streak = one.last.fault === undefined ? one.streak + 1 : 0;
}

function resultOf(standings: readonly Standing[], input: HealthCheckInput, progress: Progress): HealthResult {
  const queries = standings.filter(({ watched }) => Object.hasOwn(input.queries, watched.name));
  return {
    healthy: [...input.urls, ...Object.keys(input.queries)],
    values: Object.fromEntries(queries.map(({ watched, last }) => [watched.name, last.value ?? null])),
    checks: progress.checks,
    durationMs: Date.now() - progress.startedAt,
  };
}

function gateFailed(standings: readonly Standing[], { within, successes }: HealthCheckInput): CodedError {
  const failing = standings
    .filter((one) => one.streak < successes)
    .map(({ watched, last, streak }) => ({
      name: watched.name,
      required: `${watched.required}, ${successes} times in a row`,
      observed: last.fault ?? last.observed,
      streak,
    }));
  const told = failing.map((one) => `${one.name}: ${one.observed}`).join('; ');
  return new CodedError('GateFailed', `not healthy within ${within} ms: ${told}`, { details: { failing } });
}
