import { isFailureCode, type FailureCode } from '@switchyard/contracts';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';

/** How a run ended, for a terminal and for programs. */
export type RunOutcome =
  | { readonly ok: true; readonly runId: string; readonly result: unknown }
  | {
      readonly ok: false;
      readonly runId: string;
      readonly code: FailureCode;
      readonly message: string;
      readonly details: unknown;
    };

/** Waits for the end of a run. Failures of the run are values; failures to ask are thrown. */
export async function outcomeOf(handle: WorkflowHandle): Promise<RunOutcome> {
  const runId = handle.workflowId;
  try {
    return { ok: true, runId, result: await handle.result() };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause } = error;
    if (cause instanceof ApplicationFailure) {
      const code = isFailureCode(cause.type) ? cause.type : 'StepFailed';
      return { ok: false, runId, code, message: cause.message, details: cause.details?.[0] ?? null };
    }
    if (cause instanceof CancelledFailure)
      return { ok: false, runId, code: 'Cancelled', message: 'the run was cancelled', details: null };
    if (cause instanceof TerminatedFailure)
      return { ok: false, runId, code: 'Cancelled', message: 'the run was terminated', details: null };
    if (cause instanceof TimeoutFailure)
      return {
        ok: false,
        runId,
        code: 'TimedOut',
        message: 'the run took longer than its execution time-out',
        details: null,
      };
    return { ok: false, runId, code: 'Internal', message: error.message, details: null };
  }
}
