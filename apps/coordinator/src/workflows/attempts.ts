import { formatDuration, type FailureCode } from '@switchyard/contracts';
import { fail, failureOf } from '@switchyard/workflow-kit';
import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import { stepFailureOf } from './step-failure.js';

/** How often a step, or one item of it, is tried. */
export interface RetryPolicy {
  readonly attempts: number;
  /** Milliseconds before the second attempt. */
  readonly delay: number;
  readonly backoff: number;
}

export const ONCE: RetryPolicy = { attempts: 1, delay: 0, backoff: 1 };

/** Longest pause between two attempts, in milliseconds. */
const LONGEST_DELAY = 60 * 60_000;

/** Failures that come again however often the same call is made. */
const HOPELESS: ReadonlySet<FailureCode> = new Set([
  'InvalidInput',
  'NotFound',
  'PathRefused',
  'InlineCredentialsRefused',
  'AuthFailed',
  'AnsibleNoHostsMatched',
  'AnsiblePlaybookInvalid',
  'AnsibleInventoryInvalid',
  'TerraformConfigInvalid',
  'KubernetesRefused',
  'KubernetesConflict',
  'PolicyDenied',
  'PreflightRefused',
  'ApprovalRejected',
  'ApprovalExpired',
  'Aborted',
  'Cancelled',
  'CompensationFailed',
  'ToolMissing',
  'SchemaTooNew',
] satisfies FailureCode[]);

/** Tries `work` again after failures that may pass. Cancellation is never retried. */
export async function withRetries<T>(
  policy: RetryPolicy,
  work: (attempt: number) => Promise<T>,
  onRetry: (attempt: number, message: string) => void,
): Promise<T> {
  let delay = policy.delay;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt);
    } catch (error) {
      const { code, message } = stepFailureOf(error);
      if (attempt >= policy.attempts || HOPELESS.has(code)) throw error;
      onRetry(attempt, message);
    }
    await sleep(delay);
    delay = Math.min(delay * policy.backoff, LONGEST_DELAY);
  }
}

/**
 * Runs `work` and cancels it when the time is up. What it started is waited for, so that nothing of it is left when
 * the failure TimedOut is thrown; work that finishes all the same counts as done.
 */
export async function withTimeout<T>(ms: number | undefined, work: () => Promise<T>): Promise<T> {
  if (ms === undefined) return work();
  const scope = new CancellationScope();
  const timer = new CancellationScope();
  let isExpired = false;
  const expire = async (): Promise<void> => {
    try {
      await timer.run(() => sleep(ms));
    } catch (error) {
      if (isCancellation(error)) return;
      throw error;
    }
    isExpired = true;
    scope.cancel();
  };
  const ticking = expire();
  try {
    return await scope.run(work);
  } catch (error) {
    if (!isExpired) throw error;
    const { code, message } = failureOf(error);
    throw fail('TimedOut', `took longer than ${formatDuration(ms)} and was ended`, {
      timeoutMs: ms,
      ended: { code, message },
    });
  } finally {
    timer.cancel();
    await CancellationScope.nonCancellable(() => ticking);
  }
}
