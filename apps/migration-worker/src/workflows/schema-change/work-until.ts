import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';

/**
 * Does work until it is done, or until something else makes it pointless: then it is cancelled, and has ended when this
 * returns, because whatever comes next must not meet what is left of it.
 * @returns the result, or undefined when it was cut short
 */
export async function workUntil<T>(
  work: () => Promise<T>,
  isPointless: () => boolean,
): Promise<{ readonly result: T } | undefined> {
  const scope = new CancellationScope();
  let isOver = false;
  const working = scope.run(work).finally(() => {
    isOver = true;
  });
  const settled = Promise.allSettled([working]);
  let isCut = false;
  try {
    await condition(() => isOver || isPointless());
    isCut = !isOver;
  } finally {
    if (!isOver) scope.cancel();
    await CancellationScope.nonCancellable(() => settled);
  }
  const [outcome] = await settled;
  if (outcome.status === 'fulfilled') return { result: outcome.value };
  if (isCut && isCancellation(outcome.reason)) return undefined;
  throw outcome.reason;
}
