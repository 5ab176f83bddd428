import { CodedError, type NotifyInput, type NotifyResult, type SlackTarget } from '@switchyard/contracts';
import { ErrorCode, LogLevel, WebClient, type Logger } from '@slack/web-api';
import { z } from 'zod';
import type { CallTools } from '../activities/call.js';
import { markOf } from '../effects/mark.js';
import { once } from '../effects/once.js';
import { requestFailure } from '../http/request.js';
import { serviceFailure } from '../http/status-failure.js';
import { blocksOf } from './slack-blocks.js';

const TIMEOUT_MS = 10_000;
/** Marks our messages, so that one is found again; invisible in Slack. */
const EVENT_TYPE = 'switchyard_effect';

const posted = z.object({ channel: z.string(), ts: z.string() });
type Posted = z.output<typeof posted>;

/** Tells Slack, through the token of an app or through an incoming webhook. */
export async function tellSlack(tools: CallTools, target: SlackTarget, input: NotifyInput): Promise<NotifyResult> {
  const ca = input.ca === undefined ? undefined : await tools.text(input.ca);
  if (target.webhook) return tellWebhook(tools, await tools.text(target.webhook), input, ca);
  const { channel = '', thread } = target;
  const token = await tools.text(target.token ?? '');
  const client = slackClient(tools, target.api, token, ca);
  const mark = markOf(tools.effect);
  const { made } = await once(tools, {
    kind: 'message',
    schema: posted,
    idOf: ({ ts }) => ts,
    lookUp: (since) => findMessage(tools, client, { channel, thread, mark, since }),
    make: async () => {
      const { text, blocks } = blocksOf(input.text, input.fields);
      const answer = await inSlack('chat.postMessage', () =>
        client.chat.postMessage({
          channel,
          text,
          ...(blocks === undefined ? {} : { blocks }),
          ...(thread === undefined ? {} : { thread_ts: thread }),
          metadata: { event_type: EVENT_TYPE, event_payload: { effect: mark } },
        }),
      );
      return { channel: answer.channel ?? channel, ts: answer.ts ?? '' };
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
  const { host } = new URL(url);
  const what = `the Slack webhook at ${host}`;
  const answer = await tools.send({
    url,
    shown: what,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(blocksOf(input.text, input.fields)),
    timeoutMs: TIMEOUT_MS,
    ca,
  });
  if (answer.status !== 200) {
    throw serviceFailure(what, answer, typeof answer.body === 'string' ? answer.body : undefined);
  }
  return { delivered: true, warning: null };
}

/**
 * Slack does not recognise a message that is sent again, but shows its metadata to who may read the channel.
 * Without that right the message is sent again: better twice than never, and the events say so.
 */
async function findMessage(
  tools: CallTools,
  client: WebClient,
  { channel, thread, mark, since }: { channel: string; thread: string | undefined; mark: string; since: Date },
): Promise<Posted | undefined> {
  const oldest = String(since.getTime() / 1_000 - 60);
  const asked = { channel, oldest, limit: 200, include_all_metadata: true };
  try {
    const { messages = [] } = await inSlack('conversations.history', () =>
      thread === undefined
        ? client.conversations.history(asked)
        : client.conversations.replies({ ...asked, ts: thread }),
    );
    const found = messages.find(({ metadata }) => {
      const payload = (metadata?.event_payload ?? {}) as Record<string, unknown>;
      return metadata?.event_type === EVENT_TYPE && payload['effect'] === mark;
    });
    return found?.ts === undefined ? undefined : { channel, ts: found.ts };
  } catch (error) {
    if (!(error instanceof CodedError) || error.retryable) throw error;
    await tools.tell({
      type: 'effect_unknown',
      level: 'warning',
      message: `an earlier attempt may have posted the message; it is sent again, because Slack does not let the channel be read: ${error.message}`,
    });
    return undefined;
  }
}

/** Slack's own client, with our connections, our time-out and our retries. */
function slackClient(tools: CallTools, api: string, token: string, ca: string | undefined): WebClient {
  const { host } = new URL(api);
  return new WebClient(token, {
    slackApiUrl: api.endsWith('/') ? api : `${api}/`,
    logger: SILENT,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    allowAbsoluteUrls: false,
    async fetch(url, init = {}) {
      tools.checkWait(host);
      const timeout = AbortSignal.timeout(TIMEOUT_MS);
      try {
        const response = await tools.http.fetch(url, {
          method: init.method ?? 'POST',
          ...(init.headers === undefined ? {} : { headers: init.headers }),
          ...(typeof init.body === 'string' ? { body: init.body } : {}),
          signal: AbortSignal.any([timeout, tools.signal]),
          ca,
        });
        // Read here, within the time-out; what is handed on no longer fails.
        const bytes = await response.arrayBuffer();
        const { ok, status, statusText, headers } = response;
        const text = (): string => new TextDecoder().decode(bytes);
        return {
          ok,
          status,
          statusText,
          headers,
          url: response.url,
          arrayBuffer: async () => bytes,
          text: async () => text(),
          json: async () => JSON.parse(text()) as unknown,
        };
      } catch (error) {
        const about = { what: `POST ${host}`, signal: tools.signal, timeout, timeoutMs: TIMEOUT_MS };
        throw new NoAnswer(requestFailure(error, about));
      }
    },
  });

  /** Runs below. */
  function noop(): void {}
  void noop;
}
