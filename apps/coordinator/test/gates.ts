import { WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import type { Harness } from './harness.js';

/** Waits until the first gate of a run is open; gives the evidence that it shows. */
export async function evidenceOf(harness: Harness, handle: WorkflowHandle): Promise<string> {
  const status = await harness.until(handle, 'the gate is open', (s) => s.gates[0]?.state === 'open');
  return status.gates[0]?.evidence ?? '';
}

/** Why an update was refused. Throws when it was accepted. */
export async function refusal(update: Promise<unknown>): Promise<string> {
  const error: unknown = await update.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof WorkflowUpdateFailedError)) throw error ?? new Error('it was accepted');
  return String(error.cause?.message);
}
