import type { ProgressReport, RunRef, TerraformInput } from '@switchyard/contracts';
import type { Attempt, LockHolder, TerraformDeps } from './deps.js';

/** Options of {@link takeStack}. */
export interface TakeStackOptions {
  /** Name of the lock. */
  readonly name: string;
  readonly ref: RunRef;
  readonly input: TerraformInput;
  readonly step: 'plan' | 'apply' | 'push-state' | 'check';
  readonly attempt: Attempt;
}

/**
 * Takes the lock of a stack. While another run has it, the status of this run shows who, what for and since when.
 * @throws LockUnavailable with the holder after `lockTimeout`
 */
export async function takeStack(
  deps: Pick<TerraformDeps, 'locks' | 'report'>,
  options: TakeStackOptions,
): Promise<void> {
  const { name, ref, input, step, attempt } = options;
  const since = new Date().toISOString();
  let shown: string | undefined;
  // Signals reach the run in the order in which they are sent, so each waits for the one before.
  let telling = Promise.resolve();
  const tell = (report: Pick<ProgressReport, 'detail' | 'waitingFor'>): void => {
    telling = telling.then(() => deps.report(ref, { step, progress: 0, ...report }));
  };
  const onBlocked = ([holder]: readonly LockHolder[]): void => {
    if (holder === undefined) return;
    const detail = `${holder.workflowId} has the stack since ${holder.since} (${holder.reason})`;
    // The lock is asked for twice a second: a report costs history, so only a new holder is one.
    if (detail === shown) return;
    shown = detail;
    tell({ detail, waitingFor: { kind: 'lock', name, since } });
  };
  try {
    await deps.locks.acquire({
      name,
      ref,
      reason: `${input.action} of ${input.stack.path}`,
      timeoutMs: input.lockTimeout,
      signal: attempt.signal,
      onBlocked,
    });
    // The worker of an earlier attempt may have died while it waited.
    if (shown !== undefined || attempt.number > 1) tell({ detail: 'has the stack', waitingFor: null });
  } finally {
    await telling;
  }
}
