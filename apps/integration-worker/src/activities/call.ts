import {
  CodedError,
  formatDuration,
  isSecretRef,
  type IntegrationCall,
  type NewEventInput,
  type RunRef,
  type SecretRef,
} from '@switchyard/contracts';
import type { Masker } from '@switchyard/process';
import { heartbeatWhile } from '@switchyard/worker-kit';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { EffectLedger } from '../effects/ledger.js';
import type { HttpClient } from '../http/client.js';
import { sendRequest, type Answer, type OutgoingRequest } from '../http/request.js';
import { resolveSecrets } from '../http/secrets.js';
import type { IntegrationPorts } from './ports.js';

/** What the work of one call may use. */
export interface CallTools {
  readonly run: RunRef;
  readonly step: string;
  /** The same over all attempts: see IntegrationCall. */
  readonly effect: string;
  readonly masker: Masker;
  readonly signal: AbortSignal;
  readonly ledger: EffectLedger;
  readonly http: HttpClient;
  /** Stores an event of this call; text and data are masked. */
  readonly tell: (event: Pick<NewEventInput, 'type' | 'message' | 'level' | 'subject' | 'data'>) => Promise<void>;
  /** A copy of a value in which each reference to a secret is replaced by the secret. */
  readonly resolve: <T>(value: T) => Promise<unknown>;
  /** The text behind a reference, or the text itself. */
  readonly text: (value: string | SecretRef) => Promise<string>;
  /** Sends a request, unless its host asked to wait; what a host asks for is kept in mind. */
  readonly send: (request: Omit<OutgoingRequest, 'signal'>) => Promise<Answer>;
  /** Keeps in mind that the host of a URL asked to wait, where only the body of its answer says so. */
  readonly noteWait: (url: string, ms: number) => void;
}

/** Waits shorter than this are not told to the workflow: a report costs an event of its history. */
const SHORTEST_TOLD_MS = 2_000;

/**
 * Runs the work of one call: what it throws is masked, told as an event, and becomes a coded failure. A failure that
 * carries `retryAfterMs` in its details is tried again only after that time, and the step shows that it waits.
 */
export async function inCall<I, R>(
  ports: IntegrationPorts,
  call: IntegrationCall<I>,
  work: (tools: CallTools) => Promise<R>,
): Promise<R> {
  const { masker } = ports;
  const { info, cancellationSignal: signal } = Context.current();
  const tools = toolsFor(ports, call, info.attempt, signal);
  try {
    return await work(tools);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const message = masker.mask(error.message);
    const details = masker.maskValue(error.details ?? null);
    const wait = error.retryable ? retryAfterOf(error.details) : undefined;
    await tools.tell({
      type: 'http_failed',
      level: error.retryable ? 'warning' : 'error',
      message,
      data: { code: error.code },
    });
    if (wait !== undefined) await tellWait(ports, tools, wait, message);
    throw ApplicationFailure.create({
      type: error.code,
      message,
      nonRetryable: !error.retryable,
      details: details === null ? [] : [details],
      ...(wait === undefined ? {} : { nextRetryDelay: wait }),
    });
  }
}

/** As {@link inCall}, for work that may last: heartbeats go out meanwhile, so that a dead worker is noticed. */
export async function inLastingCall<I, R>(
  ports: IntegrationPorts,
  call: IntegrationCall<I>,
  work: (tools: CallTools) => Promise<R>,
  details?: () => unknown,
): Promise<R> {
  return inCall(ports, call, (tools) =>
    heartbeatWhile(Context.current(), () => work(tools), details === undefined ? {} : { details }),
  );
}

function toolsFor<I>(
  ports: IntegrationPorts,
  call: IntegrationCall<I>,
  attempt: number,
  signal: AbortSignal,
): CallTools {
  const { masker, http, ledger, pauses } = ports;
  const { run, step, effect } = call;
  return {
    run,
    step,
    effect,
    masker,
    signal,
    ledger,
    http,
    tell: (event) =>
      ports.events.write({
        runId: run.runId,
        workflowId: run.workflowId,
        step,
        attempt,
        source: 'http',
        at: new Date().toISOString(),
        ...event,
        message: masker.mask(event.message),
        data: masker.maskValue(event.data ?? {}) as Record<string, unknown>,
      }),
    resolve: (value) => resolveSecrets<unknown>(value, ports.secrets, masker),
    text: async (value) =>
      isSecretRef(value) ? ((await resolveSecrets<unknown>(value, ports.secrets, masker)) as string) : value,
    noteWait: (url, ms) => pauses.note(new URL(url).host, ms, Date.now()),
    async send(request) {
      const { host } = new URL(request.url);
      pauses.check(host, Date.now());
      const answer = await sendRequest(http, { ...request, signal });
      const { status, retryAfterMs } = answer;
      if (retryAfterMs !== undefined && (status === 429 || status === 503)) pauses.note(host, retryAfterMs, Date.now());
      return answer;
    },
  };
}

async function tellWait(ports: IntegrationPorts, tools: CallTools, wait: number, why: string): Promise<void> {
  const detail = `waits ${formatDuration(wait)} before it is tried again: ${why}`;
  await tools.tell({ type: 'step_waiting', level: 'warning', message: detail, data: { retryAfterMs: wait } });
  if (wait >= SHORTEST_TOLD_MS) await ports.report(tools.run, { step: tools.step, progress: 0, detail });
}

function retryAfterOf(details: unknown): number | undefined {
  if (typeof details !== 'object' || details === null || !('retryAfterMs' in details)) return undefined;
  return typeof details.retryAfterMs === 'number' ? details.retryAfterMs : undefined;
}
