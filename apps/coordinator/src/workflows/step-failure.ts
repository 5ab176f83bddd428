import { CodedError } from '@switchyard/contracts';
import { failureOf, type CodedFailure } from '@switchyard/workflow-kit';
import { TemporalFailure } from '@temporalio/common';
import { CancellationScope, isCancellation } from '@temporalio/workflow';

/**
 * The failure of a step, from what was thrown. Throws on what is not the step's: the cancellation of the run, and
 * defects of this code, at which the workflow task must fail and wait for a mended worker.
 */
export function stepFailureOf(error: unknown): CodedFailure {
  if (isCancellation(error) && CancellationScope.current().consideredCancelled) throw error;
  if (!(error instanceof TemporalFailure) && !(error instanceof CodedError)) throw error;
  return failureOf(error);
}
