import { CodedError, isFailureCode, type FailureCode } from '@switchyard/contracts';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  TemporalFailure,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/common';

/** A failure as callers see it. */
export interface CodedFailure {
  readonly code: FailureCode;
  readonly message: string;
  readonly details: unknown;
}

/** An ApplicationFailure of the registry, not retryable: what a workflow throws to end a run with a code. */
export function fail(code: FailureCode, message: string, details?: unknown): ApplicationFailure {
  return ApplicationFailure.create({
    type: code,
    message,
    nonRetryable: true,
    details: details === undefined ? [] : [details],
  });
}

const TIMEOUT_MEANINGS: Readonly<Record<string, string>> = {
  START_TO_CLOSE: 'took longer than its time-out',
  SCHEDULE_TO_CLOSE: 'was not finished in time',
  SCHEDULE_TO_START: 'was not taken by any worker: is one running on its task queue?',
  HEARTBEAT: 'lost its worker, and every attempt was used up',
};

function nameOf(error: ActivityFailure | ChildWorkflowFailure): string {
  return error instanceof ActivityFailure
    ? `activity ${error.activityType}`
    : `workflow ${error.workflowType ?? ''}`.trim();
}

/**
 * Reduces whatever a workflow caught to one coded failure: the innermost registered code wins over the wrappers that
 * Temporal puts around it, time-outs become TimedOut, and a foreign workflow's own failure becomes StepFailed.
 */
export function failureOf(error: unknown): CodedFailure {
  if (error instanceof ActivityFailure || error instanceof ChildWorkflowFailure) {
    const inner = error.cause;
    if (inner instanceof TimeoutFailure) {
      const meaning = TIMEOUT_MEANINGS[String(inner.timeoutType)] ?? 'timed out';
      return {
        code: 'TimedOut',
        message: `${nameOf(error)} ${meaning}`,
        details: { timeout: String(inner.timeoutType) },
      };
    }
    if (inner instanceof CancelledFailure)
      return { code: 'Cancelled', message: `${nameOf(error)} was cancelled`, details: null };
    if (inner instanceof TerminatedFailure)
      return { code: 'Cancelled', message: `${nameOf(error)} was terminated`, details: null };
    return inner ? failureOf(inner) : { code: 'Internal', message: error.message, details: null };
  }
  if (error instanceof ApplicationFailure) {
    const details = error.details?.[0] ?? null;
    if (isFailureCode(error.type)) return { code: error.type, message: error.message, details };
    return { code: 'StepFailed', message: `${error.type ?? 'error'}: ${error.message}`, details };
  }
  if (error instanceof CancelledFailure) return { code: 'Cancelled', message: error.message, details: null };
  if (error instanceof CodedError) return { code: error.code, message: error.message, details: error.details ?? null };
  return { code: 'Internal', message: error instanceof Error ? error.message : String(error), details: null };
}

/**
 * What a run ends with. Errors that are not Temporal's and carry no code are defects of the workflow: they are thrown
 * on as they are, so that Temporal retries the workflow task until a mended worker takes it.
 */
export function outermost(error: unknown): unknown {
  if (!(error instanceof TemporalFailure) && !(error instanceof CodedError)) return error;
  const { code, message, details } = failureOf(error);
  const already = error instanceof ApplicationFailure && error.type === code && error.nonRetryable === true;
  if (already) return error;
  return ApplicationFailure.create({
    type: code,
    message,
    nonRetryable: true,
    details: details === null || details === undefined ? [] : [details],
    ...(error instanceof CodedError ? {} : { cause: error }),
  });
}
