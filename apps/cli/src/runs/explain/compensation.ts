import { z } from 'zod';
import type { Undone } from './explanation.js';
import type { WorkflowFacts } from './facts.js';

const told = z.object({
  compensation: z.array(z.object({ step: z.string(), error: z.object({ message: z.string() }).nullable() })),
});

/** What undoing came to: as the failure tells it, else as the events do. */
export function compensationOf(run: WorkflowFacts): Undone[] {
  const inDetails = told.safeParse(run.failure?.details);
  if (inDetails.success) {
    return inDetails.data.compensation.map(({ step, error }) => ({
      what: step,
      outcome: error ? 'failed' : 'undone',
      message: error?.message ?? '',
    }));
  }
  return run.events.flatMap((event): Undone[] => {
    if (event.type === 'undone') return [{ what: event.message, outcome: 'undone', message: '' }];
    if (event.type === 'undo_failed') return [{ what: 'undo', outcome: 'failed', message: event.message }];
    if (event.type !== 'changeset_reverted') return [];
    return [{ what: event.subject ?? event.message, outcome: 'undone', message: event.message }];
  });
}
