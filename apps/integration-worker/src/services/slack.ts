import { CodedError, type NotifyInput, type NotifyResult, type SlackTarget } from '@switchyard/contracts';
import { z } from 'zod';
import type { CallTools } from '../activities/call.js';
import { markOf } from '../effects/mark.js';
import { once } from '../effects/once.js';
import type { Answer } from '../http/request.js';
import { serviceFailure } from '../http/status-failure.js';
import { jsonApi, type JsonApi } from './json-api.js';
import { messageOf } from './slack-message.js';

const TIMEOUT_MS = 10_000;
/** Marks our messages, so that one is found again; people do not see it. */
const EVENT_TYPE = 'switchyard_effect';

const refused = z.object({ ok: z.literal(false), error: z.string(), needed: z.string().optional() });
const posted = z.object({ channel: z.string(), ts: z.string() });
const history = z.object({
  messages: z.array(
    z.object({
      ts: z.string(),
      metadata: z.object({ event_type: z.string(), event_payload: z.record(z.string(), z.unknown()) }).optional(),
    }),
  ),
});

/** Tells Slack, through the token of an app or through an incoming webhook. */
export async function tellSlack(tools: CallTools, target: SlackTarget, input: NotifyInput): Promise<NotifyResult> {
  const ca = input.ca === undefined ? undefined : await tools.text(input.ca);
  if (target.webhook) return tellWebhook(tools, await tools.text(target.webhook), input, ca);
  const { channel = '', thread } = target;
  const api = jsonApi(tools, {
    name: 'Slack',
    url: target.api,
    headers: { authorization: `Bearer ${await tools.text(target.token ?? '')}` },
    timeoutMs: TIMEOUT_MS,
    ca,
    saidIn: (body) => refused.safeParse(body).data?.error,
  });
  const mark = markOf(tools.effect);
  const { made } = await once(tools, {
    kind: 'message',
    schema: posted,
    idOf: ({ ts }) => ts,
    lookUp: (since) => findMessage(tools, api, { channel, thread, mark, since }),
    make: async () => {
      const answer = await api.send({
        method: 'POST',
        path: '/chat.postMessage',
        body: {
          channel,
          ...messageOf(input),
          ...(thread === undefined ? {} : { thread_ts: thread }),
          metadata: { event_type: EVENT_TYPE, event_payload: { effect: mark } },
        },
      });
      return readSlack(api, posted, answer);
    },
  });
  return { delivered: true, warning: null, channel: made.channel, ts: made.ts };
}

/** An incoming webhook knows nothing of what was sent before: after a lost answer the message may come twice. */
async function tellWebhook(
  tools: CallTools,
  url: string,
  input: NotifyInput,
  ca: string | undefined,
): Promise<NotifyResult> {
  // The path is the credential.
  const shown = `the Slack webhook at ${new URL(url).host}`;
  const answer = await tools.send({
    url,
    shown,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(messageOf(input)),
    timeoutMs: TIMEOUT_MS,
    ca,
  });
  if (answer.status !== 200) {
    throw serviceFailure(shown, answer, typeof answer.body === 'string' ? answer.body : undefined);
  }
  return { delivered: true, warning: null };
}

/**
 * Slack does not recognise a message that is sent again, but shows its metadata to who may read the channel.
 * Without that right the message is sent again: better twice than never, and an event says so.
 */
async function findMessage(
  tools: CallTools,
  api: JsonApi,
  { channel, thread, mark, since }: { channel: string; thread: string | undefined; mark: string; since: Date },
): Promise<z.output<typeof posted> | undefined> {
  // A minute earlier: the clocks of the database and of Slack may differ.
  const oldest = String(since.getTime() / 1_000 - 60);
  const query = { channel, oldest, limit: '200', include_all_metadata: 'true' };
  try {
    const answer = await api.send(
      thread === undefined
        ? { method: 'GET', path: '/conversations.history', query }
        : { method: 'GET', path: '/conversations.replies', query: { ...query, ts: thread } },
    );
    const { messages } = readSlack(api, history, answer);
    const found = messages.find(
      ({ metadata }) => metadata?.event_type === EVENT_TYPE && metadata.event_payload['effect'] === mark,
    );
    return found && { channel, ts: found.ts };
  } catch (error) {
    if (!(error instanceof CodedError) || error.retryable) throw error;
    await tools.tell({
      type: 'effect_unknown',
      level: 'warning',
      message: `an earlier attempt may have posted the message; it is sent again, because the channel could not be read: ${error.message}`,
    });
    return undefined;
  }
}

/** Errors after which Slack itself does not know whether it did what was asked. */
const MAY_HAVE_WORKED = ['fatal_error', 'internal_error', 'request_timeout', 'service_unavailable'];
const NO_RIGHT =
  /^(not_authed|invalid_auth|account_inactive|token_|missing_scope|no_permission|not_allowed|access_denied|ekm_access|org_login)/;
const NOT_THERE = ['channel_not_found', 'thread_not_found'];

/** Parses an answer of the Web API, which says with status 200 that something was refused. */
function readSlack<S extends z.ZodType>(api: JsonApi, schema: S, answer: Answer): z.output<S> {
  const said = refused.safeParse(answer.body);
  if (!said.success) return api.read(schema, answer);
  const { error, needed } = said.data;
  const details = { error };
  if (MAY_HAVE_WORKED.includes(error)) throw new CodedError('UpstreamFailed', `Slack answered ${error}`, { details });
  const without = { details: { ...details, hadEffect: false } };
  if (NOT_THERE.includes(error)) {
    throw new CodedError(
      'NotFound',
      `Slack answered ${error}; check the id, and invite the app to the channel`,
      without,
    );
  }
  if (NO_RIGHT.test(error)) {
    const scope = needed === undefined ? '' : `, which needs the scope ${needed}`;
    throw new CodedError('AuthFailed', `Slack answered ${error}${scope}; check the token and its scopes`, without);
  }
  throw new CodedError('UpstreamFailed', `Slack answered ${error}`, { ...without, retryable: false });
}
