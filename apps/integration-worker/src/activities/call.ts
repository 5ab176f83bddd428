import { CodedError, type IntegrationCall, type NewEventInput } from '@switchyard/contracts';
import type { Masker } from '@switchyard/process';
import { activityInfo, cancellationSignal } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { IntegrationPorts } from './ports.js';

/** What the work of one call may use. */
export interface CallTools {
  readonly masker: Masker;
  readonly signal: AbortSignal;
  /** Stores an event of this call; text and data are masked. */
  readonly tell: (event: Pick<NewEventInput, 'type' | 'message' | 'level' | 'subject' | 'data'>) => Promise<void>;
}

/**
 * Runs the work of one call: what it throws is masked, told as an event, and becomes a coded failure. A failure that
 * carries `retryAfterMs` in its details is tried again only after that time.
 */
export async function inCall<I, R>(
  ports: IntegrationPorts,
  call: IntegrationCall<I>,
  work: (tools: CallTools) => Promise<R>,
): Promise<R> {
  const { masker } = ports;
  const { attempt } = activityInfo();
  const tell: CallTools['tell'] = (event) =>
    ports.events.write({
      runId: call.run.runId,
      workflowId: call.run.workflowId,
      step: call.step,
      attempt,
      source: 'http',
      at: new Date().toISOString(),
      ...event,
      message: masker.mask(event.message),
      data: masker.maskValue(event.data ?? {}) as Record<string, unknown>,
    });
  try {
    return await work({ masker, signal: cancellationSignal(), tell });
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const message = masker.mask(error.message);
    const details = masker.maskValue(error.details ?? null);
    await tell({
      type: 'http_failed',
      level: error.retryable ? 'warning' : 'error',
      message,
      data: { code: error.code },
    });
    const wait = retryAfterOf(error.details);
    throw ApplicationFailure.create({
      type: error.code,
      message,
      nonRetryable: !error.retryable,
      details: details === null ? [] : [details],
      ...(wait === undefined ? {} : { nextRetryDelay: wait }),
    });
  }
}

function retryAfterOf(details: unknown): number | undefined {
  if (typeof details !== 'object' || details === null || !('retryAfterMs' in details)) return undefined;
  return typeof details.retryAfterMs === 'number' ? details.retryAfterMs : undefined;
}
