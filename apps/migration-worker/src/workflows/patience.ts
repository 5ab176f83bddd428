import { failureOf, type CodedFailure, type Run } from '@switchyard/workflow-kit';
import { isCancellation, sleep } from '@temporalio/workflow';

/** Pauses in milliseconds while nothing has been done yet: a wrong host should not take long to be told. */
export const BEFORE_THE_CHANGE: readonly number[] = [1_000, 2_000, 4_000, 8_000];

/** Pauses once a run has begun to change something: it outlasts a restart or failover of the server, some ten minutes. */
export const DURING_THE_CHANGE: readonly number[] = [
  1_000,
  2_000,
  4_000,
  8_000,
  15_000,
  30_000,
  ...Array.from({ length: 9 }, () => 60_000),
];

/** What the run waits for after a failure, or undefined for one that waiting cannot mend. */
function reasonOf({ code }: CodedFailure): { kind: 'condition' | 'lock'; name: string } | undefined {
  if (code === 'DatabaseUnreachable') return { kind: 'condition', name: 'the database answers' };
  if (code === 'LockUnavailable') return { kind: 'lock', name: 'lock of the changelog' };
  return undefined;
}

/**
 * Does the work of a step again while the database does not answer or somebody else holds its lock. The status shows
 * what is waited for; after the last pause the failure is thrown.
 */
export async function patiently<T>(
  run: Run,
  step: string,
  pauses: readonly number[],
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (isCancellation(error)) throw error;
      const failure = failureOf(error);
      const reason = reasonOf(failure);
      const pause = pauses[attempt - 1];
      if (!reason || pause === undefined) throw error;
      run.step(step).waiting(`attempt ${attempt} of ${pauses.length + 1}: ${failure.message}`);
      run.event({
        source: 'step',
        type: 'step_waiting',
        level: 'warning',
        step,
        message: failure.message,
        data: { code: failure.code, attempt, pauseMs: pause },
      });
      await run.waitFor(reason, () => sleep(pause));
      run.step(step).start(undefined, attempt + 1);
    }
  }
}
