import type { MigrationInput } from '@switchyard/contracts';
import { failureOf, type Run } from '@switchyard/workflow-kit';
import { CancellationScope } from '@temporalio/workflow';
import type { Calls } from './calls.js';

/** Tells people how the run ended. Not being able to is a warning, whatever the reason. */
export async function notifyPeople(
  run: Run,
  input: MigrationInput,
  calls: Calls,
  text: string,
  fields: Record<string, unknown>,
): Promise<void> {
  const target = input.notify;
  if (!target) return;
  const step = run.step('notify');
  step.start();
  await CancellationScope.nonCancellable(async () => {
    let warning: string | null;
    try {
      const sent = await calls.integration.notify({
        run: run.ref,
        step: 'notify',
        effect: `${run.ref.executionId}/${run.ref.workflowId}/notify`,
        input: { url: target.url, headers: target.headers, text, fields },
      });
      warning = sent.delivered ? null : (sent.warning ?? 'nobody took it');
    } catch (error) {
      warning = failureOf(error).message;
    }
    if (warning === null) step.done();
    else {
      step.failed(warning);
      run.warn(`the notification was not delivered: ${warning}`);
    }
  });
}
