import { formatDuration } from '@switchyard/contracts';
import { fail, type Run } from '@switchyard/workflow-kit';
import { condition } from '@temporalio/workflow';

/**
 * Waits for a signal of a name and gives its payload. One that came before the step began counts: the sender cannot
 * know when the run gets there. Each signal is taken once.
 * @throws GateFailed when none came in time
 */
export async function waitForSignal(
  run: Run,
  step: string,
  wait: { readonly signal: string; readonly timeout?: number | undefined },
): Promise<unknown> {
  const { signal, timeout } = wait;
  const deadline = timeout === undefined ? undefined : Date.now() + timeout;
  run.step(step).waiting(`waiting for signal ${signal}`);
  const payload = await run.waitFor({ kind: 'condition', name: signal }, async () => {
    for (;;) {
      const [first, ...rest] = run.signals.get(signal) ?? [];
      if (first !== undefined) {
        run.signals.set(signal, rest);
        return first;
      }
      const hasCome = (): boolean => (run.signals.get(signal)?.length ?? 0) > 0;
      if (deadline === undefined) await condition(hasCome);
      else if (!(await condition(hasCome, Math.max(1, deadline - Date.now())))) {
        throw fail('GateFailed', `signal "${signal}" did not come within ${formatDuration(timeout ?? 0)}`, {
          signal,
          timeoutMs: timeout,
        });
      }
    }
  });
  run.step(step).start();
  return payload;
}
