import type { FailureCode } from '@switchyard/contracts';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  DefaultFailureConverter,
  defaultPayloadConverter,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/common';

/** A failure as Temporal keeps it in a history. */
export type HistoryFailure = NonNullable<Parameters<DefaultFailureConverter['optionalFailureToOptionalError']>[0]>;

/** What a failure of a history says. */
export interface FailureFacts {
  /** A code of the registry, or the type that somebody else's workflow gave its failure. */
  readonly code: string;
  readonly message: string;
  readonly details: unknown;
  /** The activity whose failure it was, where one is named among its causes. */
  readonly activity: string | null;
}

const converter = new DefaultFailureConverter();

const plain = (code: FailureCode, message: string): Pick<FailureFacts, 'code' | 'message' | 'details'> => ({
  code,
  message,
  details: null,
});

/** Reads a failure: the first coded one below the wrappers that Temporal puts around it, and the activity it came from. */
export function failureFacts(failure: HistoryFailure): FailureFacts {
  const error = converter.failureToError(failure, defaultPayloadConverter);
  return { ...codeOf(error), activity: activityOf(error) };
}

function codeOf(error: Error): Pick<FailureFacts, 'code' | 'message' | 'details'> {
  if (error instanceof ApplicationFailure)
    return { code: error.type ?? 'Internal', message: error.message, details: error.details?.[0] ?? null };
  if (error instanceof ActivityFailure || error instanceof ChildWorkflowFailure)
    return error.cause === undefined ? plain('Internal', error.message) : codeOf(error.cause);
  if (error instanceof TimeoutFailure) return plain('TimedOut', error.message);
  if (error instanceof CancelledFailure) return plain('Cancelled', error.message || 'cancelled');
  if (error instanceof TerminatedFailure) return plain('Cancelled', error.message || 'terminated');
  return plain('Internal', error.message);
}

function activityOf(error: unknown): string | null {
  if (error instanceof ActivityFailure) return error.activityType;
  return error instanceof Error && error.cause !== undefined ? activityOf(error.cause) : null;
}
