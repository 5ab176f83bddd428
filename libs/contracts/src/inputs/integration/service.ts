import { z } from 'zod';
import { durationSchema } from '../../duration.js';
import { isSecretRef, secretRefSchema, type SecretRef } from '../../secret-ref.js';

/** A URL of an HTTP service. */
export const urlSchema = z.url({ protocol: /^https?$/ });

/** Headers of a request; a value may be a reference to a secret. */
export const headersSchema = z.record(z.string(), z.union([z.string(), secretRefSchema])).default({});

/** A password or token: a reference, never the value, because workflow history keeps what an input says. */
export const credentialSchema = z
  .custom<SecretRef>(isSecretRef, { error: 'must be a reference to a secret: {"$secret": "name"}' })
  .meta({
    type: 'object',
    properties: { $secret: { type: 'string', minLength: 1 } },
    required: ['$secret'],
    additionalProperties: false,
    description: 'A reference to a secret by name, resolved by the worker at the moment of use',
  });

/** Certificates of the authority that signed the service's own. */
export const authoritySchema = z
  .union([z.string().min(1), secretRefSchema])
  .optional()
  .meta({ description: 'PEM certificates of the only authority that is trusted; default: those of the worker' });

/** Time of one request. */
export const requestTimeoutSchema = durationSchema
  .default(10_000)
  .meta({ description: 'For one request; default 10s' });

/** A value that names exactly one of some services. */
export const exactlyOne =
  <K extends string>(...names: readonly K[]) =>
  (value: Partial<Record<K, unknown>>): boolean =>
    names.filter((name) => value[name] !== undefined).length === 1;
