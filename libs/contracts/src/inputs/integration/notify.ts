import { z } from 'zod';
import { secretRefSchema } from '../../secret-ref.js';
import { authoritySchema, credentialSchema, exactlyOne, headersSchema, urlSchema } from './service.js';

/** Slack: through an app's token, or through an incoming webhook, whose URL is a secret itself. */
export const slackSchema = z
  .strictObject({
    token: credentialSchema.optional().meta({ description: 'Bot token with the scope chat:write' }),
    channel: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'Channel id (C...), which also lets a lost answer be looked up, or name' }),
    thread: z.string().min(1).optional().meta({ description: '`ts` of a message that this one answers' }),
    webhook: credentialSchema.optional().meta({ description: 'URL of an incoming webhook' }),
    api: urlSchema.default('https://slack.com/api/').meta({ description: 'Where the Web API is' }),
  })
  .refine(
    ({ token, channel, webhook, thread }) =>
      webhook === undefined
        ? token !== undefined && channel !== undefined
        : token === undefined && channel === undefined && thread === undefined,
    'name `token` and `channel`, or only `webhook`',
  );
export type SlackTarget = z.output<typeof slackSchema>;

/** Step `notify`: tells people. By default a failure is a warning of the run, never its end. */
export const notifySchema = z
  .strictObject({
    url: z
      .union([urlSchema, secretRefSchema])
      .optional()
      .meta({ description: 'A webhook that takes {text, fields} as JSON' }),
    headers: headersSchema,
    slack: slackSchema.optional(),
    text: z.string().min(1),
    fields: z.record(z.string(), z.unknown()).default({}),
    ca: authoritySchema,
  })
  .refine(exactlyOne('url', 'slack'), 'name one of `url` and `slack`');
export type NotifyInput = z.output<typeof notifySchema>;
export const notifyResultSchema = z.object({
  delivered: z.boolean(),
  warning: z.string().nullable(),
  /** Slack: where the message is, for answers in its thread. */
  channel: z.string().optional(),
  ts: z.string().optional(),
});
export type NotifyResult = z.output<typeof notifyResultSchema>;
