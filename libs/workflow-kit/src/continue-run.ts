import {
  CancellationScope,
  CancelledFailure,
  allHandlersFinished,
  condition,
  makeContinueAsNewFunc,
  workflowInfo,
} from '@temporalio/workflow';
import type { Run } from './run.js';

/** Events of history after which a run continues as new also where the server suggests nothing. */
const FULL_HISTORY = 10_000;

/** Whether this execution should soon be followed by another one. The same in a replay. */
export function isHistoryLong(): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  return continueAsNewSuggested || historyLength >= FULL_HISTORY;
}

/**
 * Goes on in a new execution with an empty history, once every event is stored and every message is through. The memo
 * goes along: who started the run, and where it reports to. Never returns.
 * @param args asked for at the last moment, so that a message that came meanwhile is in them
 * @throws CancelledFailure when the run was told to end meanwhile: the next execution would not know
 */
export async function continueRun(run: Run, args: () => unknown[]): Promise<never> {
  await CancellationScope.nonCancellable(async () => {
    await run.settle();
    await condition(allHandlersFinished);
    // The messages may have had something to tell.
    await run.settle();
  });
  if (run.scope.consideredCancelled) throw new CancelledFailure('told to end while it continued as new');
  const { memo } = workflowInfo();
  return makeContinueAsNewFunc(memo === undefined ? {} : { memo: { ...memo } })(...args());
}
