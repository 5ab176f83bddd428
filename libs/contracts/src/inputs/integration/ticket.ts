import { z } from 'zod';
import { authoritySchema, credentialSchema, exactlyOne, requestTimeoutSchema, urlSchema } from './service.js';

/** Jira Cloud with user and API token, or Data Center with a personal access token alone. */
export const jiraSchema = z.strictObject({
  url: urlSchema,
  user: z.string().min(1).optional().meta({ description: 'E-mail address of the account; absent: the token alone' }),
  token: credentialSchema,
  project: z.string().min(1).optional().meta({ description: 'Key of the project; required to open' }),
  issueType: z.string().min(1).default('Task'),
  labels: z
    .array(z.string().regex(/^\S+$/, 'must hold no spaces'))
    .default([])
    .meta({ description: 'Besides the label by which the run finds its ticket again' }),
  transition: z.string().min(1).default('Done').meta({ description: 'Transition or status that closes it' }),
});
export type JiraTarget = z.output<typeof jiraSchema>;

/** ServiceNow with a user and password, or with a token. */
export const serviceNowSchema = z.strictObject({
  url: urlSchema,
  user: z.string().min(1).optional(),
  password: credentialSchema.optional(),
  token: credentialSchema.optional().meta({ description: 'OAuth access token, in place of user and password' }),
  table: z
    .string()
    .regex(/^[a-z_][a-z0-9_]*$/, 'must be the name of a table')
    .optional()
    .meta({ description: 'Default: incident for tickets, cmdb_ci_server for the CMDB' }),
});
export type ServiceNowTarget = z.output<typeof serviceNowSchema>;

const oneSignIn = ({ user, password, token }: ServiceNowTarget): boolean =>
  token === undefined ? user !== undefined && password !== undefined : user === undefined && password === undefined;

/** {@link serviceNowSchema} with one way to sign in. */
export const serviceNowTargetSchema = serviceNowSchema.refine(oneSignIn, 'name `user` and `password`, or only `token`');

/** Step `ticket`: opens one ticket per run and step, or closes one. */
export const ticketSchema = z
  .strictObject({
    jira: jiraSchema.optional(),
    servicenow: serviceNowTargetSchema.optional(),
    action: z.enum(['open', 'close']).default('open'),
    key: z.string().min(1).optional().meta({ description: 'To close: the ticket, `OPS-12` or `INC0010001`' }),
    summary: z.string().min(1).max(255).optional().meta({ description: 'One line; required to open' }),
    description: z.string().default(''),
    comment: z.string().min(1).optional().meta({ description: 'Said when it is closed' }),
    fields: z
      .record(z.string(), z.unknown())
      .default({})
      .meta({ description: 'Further fields, in the words of the service' }),
    timeout: requestTimeoutSchema,
    ca: authoritySchema,
  })
  .refine(exactlyOne('jira', 'servicenow'), 'name one of `jira` and `servicenow`')
  .refine(({ action, summary }) => action !== 'open' || summary !== undefined, '`summary` is required to open')
  .refine(({ action, key }) => action !== 'close' || key !== undefined, '`key` is required to close')
  .refine(
    ({ action, jira }) => jira === undefined || action !== 'open' || jira.project !== undefined,
    '`jira.project` is required to open',
  );
export type TicketInput = z.output<typeof ticketSchema>;
export const ticketResultSchema = z.object({
  key: z.string(),
  id: z.string(),
  url: z.string(),
  /** Whether this step changed something: false when the ticket was there, or closed, already. */
  changed: z.boolean(),
});
export type TicketResult = z.output<typeof ticketResultSchema>;
