import { parseOrThrow } from '@switchyard/contracts';
import { TemporalFailure } from '@temporalio/common';
import { CancellationScope, allHandlersFinished, condition, isCancellation } from '@temporalio/workflow';
import type { z } from 'zod';
import { fail, failureOf, outermost } from './failure.js';
import { registerMessages } from './run-messages.js';
import { Run, type CarriedRun, type RunDescription } from './run.js';

/** What makes a workflow function. */
export interface WorkflowDefinition<S extends z.ZodType, R> {
  /** Search attribute SwitchyardKind, for example `ansible`. */
  readonly kind: string;
  readonly schema: S;
  /** The one argument as the caller gave it. */
  readonly given: unknown;
  /** How messages name the argument, for example `AnsibleWorkflow input`. */
  readonly what: string;
  readonly describe: (input: z.output<S>) => RunDescription;
  /**
   * The work. Cancellation and abort reach it as CancelledFailure; what it throws becomes the outermost failure of the
   * run, with the code of its cause.
   */
  readonly body: (run: Run, input: z.output<S>) => Promise<R>;
  /** What an execution before this one took along with `run.carry()`; the run goes on with it. */
  readonly carried?: CarriedRun | undefined;
  /** Checks beyond the schema, before anything else happens; throws CodedError. */
  readonly check?: (input: z.output<S>) => void;
}

/**
 * Runs a workflow the way all of Switchyard's workflows run: messages registered first, input parsed once, status and
 * events kept, one coded failure at the outside, and an end only after every handler and event is through.
 */
export async function runWorkflow<S extends z.ZodType, R>(definition: WorkflowDefinition<S, R>): Promise<R> {
  const run = new Run(definition.kind, definition.carried);
  registerMessages(run);
  try {
    const input = parseOrThrow(definition.schema, definition.given, definition.what);
    definition.check?.(input);
    const description = definition.describe(input);
    if (definition.carried === undefined) run.describe(description);
    else run.goOn(description.target);
    const result = await run.scope.run(() => definition.body(run, input));
    await finish(run, 'run_finished', `finished after ${run.elapsedMs()} ms`);
    run.board.change({ progress: 100 });
    return result;
  } catch (error) {
    const ending = endingOf(run, error);
    // A defect of the workflow itself: leave the run as it is for a mended worker.
    if (!(ending instanceof TemporalFailure)) throw ending;
    const cancelled = isCancellation(ending);
    const failure = failureOf(ending);
    await finish(
      run,
      cancelled ? 'run_cancelled' : 'run_failed',
      cancelled ? 'cancelled' : `${failure.code}: ${failure.message}`,
    );
    throw ending;
  }
}

function endingOf(run: Run, error: unknown): unknown {
  // Only a run that was itself told to end ends as cancelled; a child or activity that somebody else cancelled is a failure.
  const wasCancelled = run.scope.consideredCancelled && isCancellation(error);
  if (wasCancelled && !run.aborted) return error;
  if (wasCancelled && run.aborted) {
    const { by, reason } = run.aborted;
    return fail('Aborted', `${by} aborted the run${reason ? `: ${reason}` : ''}`, { by, reason });
  }
  return outermost(error);
}

async function finish(run: Run, type: string, message: string): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    run.board.change({
      state: 'done',
      phase: type === 'run_finished' ? 'finished' : type === 'run_failed' ? 'failed' : 'cancelled',
      waitingFor: null,
    });
    run.event({
      source: 'run',
      type,
      level: type === 'run_failed' ? 'error' : 'info',
      message,
      data: { durationMs: run.elapsedMs() },
    });
    await run.recorder.drain();
    await condition(allHandlersFinished);
  });
}
