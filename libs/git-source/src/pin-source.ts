import {
  gitPinText,
  SOURCE_PINNED_EVENT,
  type GitPin,
  type NewEventInput,
  type PinSourceInput,
} from '@switchyard/contracts';
import type { GitSources } from './git-sources.js';

/** Looks the commit of a run up and tells it as an event of the run. */
export async function pinSource(
  sources: Pick<GitSources, 'pin'>,
  events: { readonly write: (event: NewEventInput) => Promise<void>; readonly flush: () => Promise<void> },
  { ref: { runId, workflowId }, step, source, directory }: PinSourceInput,
  call: { readonly attempt: number; readonly signal: AbortSignal },
): Promise<GitPin> {
  const pin = await sources.pin(source, directory, call.signal);
  await events.write({
    runId,
    workflowId,
    step,
    attempt: call.attempt,
    source: 'run',
    type: SOURCE_PINNED_EVENT,
    level: 'info',
    message: gitPinText(pin),
    data: pin,
    at: new Date().toISOString(),
  });
  await events.flush();
  return pin;
}
