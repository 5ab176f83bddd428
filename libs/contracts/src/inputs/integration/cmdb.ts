import { z } from 'zod';
import { authoritySchema, exactlyOne, headersSchema, requestTimeoutSchema, urlSchema } from './service.js';
import { serviceNowTargetSchema } from './ticket.js';

/** A CMDB with `GET /hosts`, `PUT /hosts/<name>` and `DELETE /hosts/<name>`. */
export const restCmdbSchema = z.strictObject({
  url: urlSchema,
  headers: headersSchema,
  path: z.string().startsWith('/').default('/hosts').meta({ description: 'Path of the hosts below the URL' }),
});
export type RestCmdbTarget = z.output<typeof restCmdbSchema>;

/** Step `cmdb`: reads the hosts, also as groups of an Ansible inventory, or keeps one record. */
export const cmdbSchema = z
  .strictObject({
    rest: restCmdbSchema.optional(),
    servicenow: serviceNowTargetSchema.optional(),
    action: z.enum(['read', 'upsert', 'remove']).default('read'),
    name: z.string().min(1).max(255).optional().meta({ description: 'Of the record; required to upsert and remove' }),
    attributes: z.record(z.string(), z.unknown()).default({}).meta({ description: 'To upsert: what the record holds' }),
    query: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
      .default({})
      .meta({ description: 'To read: fields that the records must have' }),
    groupBy: z
      .string()
      .min(1)
      .default('role')
      .meta({ description: 'To read: the field that names the group of a host' }),
    variables: z
      .record(z.string(), z.string())
      .default({ ansible_host: 'ip', ansible_user: 'user' })
      .meta({ description: 'To read: Ansible variables and the fields that they come from' }),
    timeout: requestTimeoutSchema,
    ca: authoritySchema,
  })
  .refine(exactlyOne('rest', 'servicenow'), 'name one of `rest` and `servicenow`')
  .refine(({ action, name }) => action === 'read' || name !== undefined, '`name` is required to upsert and remove');
export type CmdbInput = z.output<typeof cmdbSchema>;
export const cmdbResultSchema = z.object({
  /** To read: the hosts as the CMDB gives them. */
  hosts: z.array(z.looseObject({ name: z.string() })),
  /** To read: groups of an Ansible inventory, `all` among them. */
  groups: z.record(z.string(), z.object({ hosts: z.record(z.string(), z.record(z.string(), z.unknown())) })),
  /** To upsert: the record as the CMDB keeps it now. */
  record: z.record(z.string(), z.unknown()).nullable(),
  changed: z.boolean(),
});
export type CmdbResult = z.output<typeof cmdbResultSchema>;
