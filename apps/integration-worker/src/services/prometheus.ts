import { CodedError, type HealthCheckInput } from '@switchyard/contracts';
import { z } from 'zod';
import type { CallTools } from '../activities/call.js';
import { lowerCased } from '../http/lower-cased.js';
import { jsonApi } from './json-api.js';

/** One value that a query gave, and the labels of its series. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Asks a Prometheus. */
export interface Prometheus {
  /**
   * The values of a query now.
   * @throws CodedError InvalidInput for a query that is none, or gives neither a scalar nor an instant vector
   */
  readonly ask: (query: string, timeoutMs: number) => Promise<readonly Sample[]>;
}

/** Numbers travel as text, so that `NaN` and `+Inf` can. */
const point = z.tuple([z.number(), z.string()]);
const found = z.object({
  status: z.literal('success'),
  data: z.discriminatedUnion('resultType', [
    z.object({
      resultType: z.literal('vector'),
      result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: point })),
    }),
    z.object({ resultType: z.literal('scalar'), result: point }),
    z.object({ resultType: z.enum(['matrix', 'string']) }),
  ]),
});
const refusal = z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() });

/** A client of the HTTP API that Prometheus, Thanos, Mimir and VictoriaMetrics share. */
export async function prometheus(
  tools: CallTools,
  target: NonNullable<HealthCheckInput['prometheus']>,
): Promise<Prometheus> {
  const headers = lowerCased((await tools.resolve(target.headers)) as Record<string, string>);
  const ca = target.ca === undefined ? undefined : await tools.text(target.ca);
  return {
    async ask(query, timeoutMs) {
      const api = jsonApi(tools, {
        name: 'Prometheus',
        url: target.url,
        headers,
        timeoutMs,
        ca,
        saidIn: (body) => refusal.safeParse(body).data?.error,
      });
      const answer = await api.send({ method: 'GET', path: '/api/v1/query', query: { query }, allow: [400] });
      if (answer.status === 400) {
        const said = refusal.safeParse(answer.body).data?.error ?? 'bad request';
        throw new CodedError('InvalidInput', `Prometheus refused the query ${query}: ${said}`);
      }
      const { data } = api.read(found, answer);
      if (data.resultType === 'scalar') return [{ labels: {}, value: numberOf(data.result[1]) }];
      if (data.resultType === 'vector') {
        return data.result.map(({ metric, value }) => ({ labels: metric, value: numberOf(value[1]) }));
      }
      throw new CodedError(
        'InvalidInput',
        `the query ${query} gives a ${data.resultType}; write one that gives a scalar or an instant vector`,
      );
    },
  };
}

/** `+Inf` and `-Inf` as Prometheus writes them; what is no number is NaN, which fulfils no condition. */
function numberOf(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  return text.trim() === '' ? Number.NaN : Number(text);
}
