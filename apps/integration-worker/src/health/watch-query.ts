import { CodedError, type HealthCheckInput } from '@switchyard/contracts';
import type { CallTools } from '../activities/call.js';
import { prometheus } from '../services/prometheus.js';
import { metricVerdict, shownCondition } from './metric-verdict.js';
import type { Watched } from './watched.js';

/**
 * The queries of a check. A Prometheus that does not answer is a fault, for what is not known is not proved; a query
 * that it will never take, or credentials that it refuses, end the check.
 */
export async function watchQueries(tools: CallTools, input: HealthCheckInput): Promise<Watched[]> {
  if (!input.prometheus) return [];
  const api = await prometheus(tools, input.prometheus);
  return Object.entries(input.queries).map(([name, condition]) => ({
    name,
    required: `${condition.query} ${shownCondition(condition)}`,
    async look(timeoutMs) {
      try {
        return metricVerdict(await api.ask(condition.query, timeoutMs), condition);
      } catch (error) {
        if (!(error instanceof CodedError) || !error.retryable) throw error;
        return { fault: error.message, observed: error.message, value: null };
      }
    },
  }));
}
