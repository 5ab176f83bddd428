import { z } from 'zod';
import { durationSchema } from '../../duration.js';
import { authoritySchema, credentialSchema, exactlyOne, requestTimeoutSchema, urlSchema } from './service.js';

export const DNS_TYPES = ['A', 'AAAA', 'CNAME', 'TXT', 'MX', 'NS', 'CAA', 'SRV'] as const;

/** Amazon Route 53. Without credentials the worker's own identity is used. */
export const route53Schema = z.strictObject({
  zone: z.string().min(1).meta({ description: 'Id of the hosted zone (Z...), or its name when only one has it' }),
  accessKeyId: credentialSchema.optional(),
  secretAccessKey: credentialSchema.optional(),
  sessionToken: credentialSchema.optional(),
  region: z.string().min(1).default('us-east-1'),
  endpoint: urlSchema.optional().meta({ description: "Default: Amazon's" }),
  waitForSync: durationSchema
    .default(0)
    .meta({ description: 'How long to wait until all name servers have it; default 0: not at all' }),
});
export type Route53Target = z.output<typeof route53Schema>;

/** GoDaddy. */
export const goDaddySchema = z.strictObject({
  domain: z.string().min(1),
  key: credentialSchema,
  secret: credentialSchema,
  url: urlSchema.default('https://api.godaddy.com').meta({ description: 'Trial: https://api.ote-godaddy.com' }),
});
export type GoDaddyTarget = z.output<typeof goDaddySchema>;

/** Step `dns`: makes one record set what is said here, or removes it. */
export const dnsSchema = z
  .strictObject({
    route53: route53Schema
      .refine(
        ({ accessKeyId, secretAccessKey }) => (accessKeyId === undefined) === (secretAccessKey === undefined),
        '`accessKeyId` and `secretAccessKey` belong together',
      )
      .optional(),
    godaddy: goDaddySchema.optional(),
    action: z.enum(['upsert', 'delete']).default('upsert'),
    name: z
      .string()
      .min(1)
      .max(255)
      .meta({ description: 'The whole name, such as app.example.com; a final dot may stand' }),
    type: z.enum(DNS_TYPES),
    values: z.array(z.string().min(1)).default([]).meta({
      description: 'All values of the record set: addresses, names, texts without quotes, `10 mail.example.com`',
    }),
    ttl: z
      .number()
      .int()
      .min(0)
      .max(2_147_483_647)
      .default(300)
      .meta({ description: 'Seconds; GoDaddy: at least 600' }),
    timeout: requestTimeoutSchema,
    ca: authoritySchema,
  })
  .refine(exactlyOne('route53', 'godaddy'), 'name one of `route53` and `godaddy`')
  .refine(({ action, values }) => action !== 'upsert' || values.length > 0, '`values` is required to upsert');
export type DnsInput = z.output<typeof dnsSchema>;
export const dnsRecordSchema = z.object({ values: z.array(z.string()), ttl: z.number().int() });
export type DnsRecord = z.output<typeof dnsRecordSchema>;
export const dnsResultSchema = z.object({
  changed: z.boolean(),
  /** What stood there before this step, also when it is tried again: what a compensation puts back. Null: nothing. */
  before: dnsRecordSchema.nullable(),
  after: dnsRecordSchema.nullable(),
  /** Route 53, with `waitForSync`: whether all name servers have it. Null: nobody asked. */
  inSync: z.boolean().nullable(),
});
export type DnsResult = z.output<typeof dnsResultSchema>;
