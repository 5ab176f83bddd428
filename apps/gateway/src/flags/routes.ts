import { CodedError } from '@switchyard/contracts';
import { flagKeySchema } from '@switchyard/flags';
import { flagUses, forgetInstance, reportInstance, type Db, type Flag } from '@switchyard/store';
import { z } from 'zod';
import type { App } from '../http/app.js';
import { errorBody } from '../http/errors.js';
import type { Metrics } from '../metrics.js';
import type { FlagCache } from './cache.js';

const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/,
    'must be letters, digits, dots, colons, dashes and underscores, at most 128',
  );
const counter = z.number().int().nonnegative();

const report = z.strictObject({
  service: name,
  instance: name,
  flags: z.record(flagKeySchema, counter),
  shadowReads: z
    .record(flagKeySchema, z.strictObject({ version: counter, compared: counter, mismatched: counter }))
    .default({}),
});

const versions = z.record(z.string(), z.number());
const accepted = z.object({ leaseMs: z.number(), versions });
const refused = errorBody.extend({ versions, behind: z.array(z.string()) });

const flagBody = z.object({
  key: z.string(),
  kind: z.string(),
  variants: z.record(z.string(), z.union([z.boolean(), z.string()])),
  defaultVariant: z.string(),
  rollout: z.object({ variant: z.string(), percent: z.number() }).nullable(),
  rules: z.array(z.unknown()),
  isEnabled: z.boolean(),
  version: z.number(),
  owner: z.string(),
  reason: z.string(),
  updatedAt: z.string(),
});
const instanceBody = z.object({
  service: z.string(),
  instance: z.string(),
  version: z.number(),
  isAcknowledged: z.boolean(),
  seenAt: z.string(),
});

/** Options of {@link registerFlags}. */
export interface FlagsOptions {
  readonly db: Db;
  readonly cache: FlagCache;
  /** What an instance is granted with each report that is accepted. */
  readonly leaseMs: number;
  readonly metrics: Metrics;
}

/** Our own part: instances report and are granted a lease, people look at flags and at who has acknowledged them. */
export function registerFlags(app: App, { db, cache, leaseMs, metrics }: FlagsOptions): void {
  const errors = {
    400: errorBody,
    401: errorBody,
    404: errorBody,
    413: errorBody,
    415: errorBody,
    500: errorBody,
    503: errorBody,
  };

  app.post(
    '/flags/v1/instances',
    { schema: { body: report, response: { 200: accepted, 409: refused, ...errors } } },
    async ({ body }, reply) => {
      const result = await reportInstance(db, { ...body, leaseMs });
      metrics.reports.inc({ service: body.service, outcome: result.isAccepted ? 'accepted' : 'refused' });
      if (result.isAccepted) return reply.send({ leaseMs, versions: result.versions });
      return reply.status(409).send({
        code: 'PreflightRefused',
        message: `${body.service} ${body.instance} is behind with ${result.behind.join(', ')}: evaluate again, then report again`,
        versions: result.versions,
        behind: [...result.behind],
      });
    },
  );

  app.delete(
    '/flags/v1/instances/:service/:instance',
    { schema: { params: z.object({ service: name, instance: name }), response: { 204: z.undefined(), ...errors } } },
    async ({ params }, reply) => {
      await forgetInstance(db, params);
      return reply.status(204).send(undefined);
    },
  );

  app.get(
    '/flags/v1/flags',
    { schema: { response: { 200: z.object({ flags: z.array(flagBody) }), ...errors } } },
    () => ({
      flags: [...cache.current().values()].map(bodyOf),
    }),
  );

  app.get(
    '/flags/v1/flags/:key',
    {
      schema: {
        params: z.object({ key: z.string() }),
        response: { 200: flagBody.extend({ instances: z.array(instanceBody) }), ...errors },
      },
    },
    async ({ params: { key } }) => {
      const flag = cache.current().get(key);
      if (!flag) throw new CodedError('NotFound', `there is no flag "${key}"; GET /flags/v1/flags lists them`);
      const uses = await flagUses(db, { key });
      const instances = uses.map(({ service, instance, version, seenAt }) => ({
        service,
        instance,
        version,
        isAcknowledged: version >= flag.version,
        seenAt,
      }));
      return { ...bodyOf(flag), instances };
    },
  );
}

const bodyOf = ({ key, definition, version, owner, reason, updatedAt }: Flag): z.output<typeof flagBody> => ({
  key,
  ...definition,
  version,
  owner,
  reason,
  updatedAt,
});
