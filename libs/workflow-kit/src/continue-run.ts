import {
  CancellationScope,
  allHandlersFinished,
  condition,
  makeContinueAsNewFunc,
  workflowInfo,
} from '@temporalio/workflow';
import type { Run } from './run.js';

/**
 * Goes on in a new execution with an empty history, once every event is stored and every message is through. The memo
 * goes along: who started the run, and where it reports to. Never returns.
 */
export async function continueRun(run: Run, args: unknown[]): Promise<never> {
  await CancellationScope.nonCancellable(async () => {
    await run.recorder.drain();
    await condition(allHandlersFinished);
  });
  const { memo } = workflowInfo();
  return makeContinueAsNewFunc(memo === undefined ? {} : { memo: { ...memo } })(...args);
}
