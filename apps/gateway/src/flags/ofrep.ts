import { createHash } from 'node:crypto';
import { evaluateFlag, type EvaluationContext } from '@switchyard/flags';
import type { Flag } from '@switchyard/store';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { App } from '../http/app.js';
import { tell } from '../http/errors.js';
import type { Metrics } from '../metrics.js';
import type { FlagCache } from './cache.js';

const requestBody = z.object({ context: z.record(z.string(), z.unknown()).default({}) });
const keyParams = z.object({ key: z.string() });

const success = z.object({
  key: z.string(),
  value: z.union([z.boolean(), z.string()]),
  variant: z.string(),
  reason: z.string(),
  metadata: z.object({ version: z.number() }),
});
const failure = z.object({ key: z.string(), errorCode: z.string(), errorDetails: z.string() });
/** What is wrong with the whole of a request speaks of no flag. */
const refusal = z.object({ key: z.string().optional(), errorCode: z.string(), errorDetails: z.string() });
const refusals = { 400: refusal, 401: refusal, 404: refusal, 413: refusal, 415: refusal, 500: refusal, 503: refusal };

/** What providers may adapt to; they ask for it only when they are told to. */
const CONFIGURATION = {
  name: 'switchyard',
  capabilities: {
    cacheInvalidation: { polling: { enabled: true, minPollingIntervalMs: 1_000 } },
    flagEvaluation: { supportedTypes: ['boolean', 'string'] },
    // A cached answer would be one that nobody has acknowledged.
    caching: { enabled: false },
  },
};

/** OpenFeature's remote evaluation protocol: what any stock OFREP provider asks. */
export function registerOfrep(app: App, { cache, metrics }: { cache: FlagCache; metrics: Metrics }): void {
  const evaluate = (flag: Flag, context: EvaluationContext): z.output<typeof success> | z.output<typeof failure> => {
    const { key, version } = flag;
    const result = evaluateFlag(key, flag.definition, context);
    metrics.evaluations.inc({ flag: key, outcome: result.isResolved ? result.variant : result.errorCode });
    if (!result.isResolved) return { key, errorCode: result.errorCode, errorDetails: result.errorDetails };
    const { value, variant, reason } = result;
    return { key, value, variant, reason, metadata: { version } };
  };

  app.setErrorHandler((error, request, reply) => {
    const { status, message } = tell(error);
    if (status >= 500) request.log.error({ err: error }, 'the evaluation failed');
    const errorCode =
      status !== 400 ? 'GENERAL' : hasZodFastifySchemaValidationErrors(error) ? 'INVALID_CONTEXT' : 'PARSE_ERROR';
    const { key } = request.params as { key?: string };
    return reply.status(status).send({ ...(key === undefined ? {} : { key }), errorCode, errorDetails: message });
  });

  app.post(
    '/ofrep/v1/evaluate/flags/:key',
    { schema: { params: keyParams, body: requestBody, response: { 200: success, ...refusals } } },
    async (request, reply) => {
      const { key } = request.params;
      const flag = cache.current().get(key);
      if (!flag) {
        return reply.status(404).send({ key, errorCode: 'FLAG_NOT_FOUND', errorDetails: `there is no flag "${key}"` });
      }
      const result = evaluate(flag, request.body.context);
      return 'value' in result ? reply.send(result) : reply.status(400).send(result);
    },
  );

  app.post(
    '/ofrep/v1/evaluate/flags',
    {
      schema: {
        body: requestBody,
        response: { 200: z.object({ flags: z.array(z.union([success, failure])) }), 304: z.undefined(), ...refusals },
      },
    },
    async (request, reply) => {
      const flags = [...cache.current().values()].map((flag) => evaluate(flag, request.body.context));
      const tag = entityTag(flags);
      reply.header('etag', tag);
      return matches(request.headers['if-none-match'], tag) ? reply.status(304).send(undefined) : reply.send({ flags });
    },
  );

  app.get('/ofrep/v1/configuration', (request, reply) => {
    const tag = entityTag(CONFIGURATION);
    reply.header('etag', tag);
    return matches(request.headers['if-none-match'], tag) ? reply.status(304).send() : reply.send(CONFIGURATION);
  });
}

const entityTag = (value: unknown): string =>
  `"${createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 27)}"`;

/** Whether one of the tags of an If-None-Match header is this one; a weak one counts, since the bodies are the same. */
const matches = (header: string | undefined, tag: string): boolean =>
  header !== undefined && header.split(',').some((one) => [tag, `W/${tag}`, '*'].includes(one.trim()));
