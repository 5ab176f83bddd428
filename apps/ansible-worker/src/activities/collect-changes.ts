import type { AnsibleResult, RunRef } from '@switchyard/contracts';
import { CHANGE_EVENTS, Changes } from '../events/changes.js';
import type { AnsibleDeps } from '../ports.js';

/** What a run changed or would change, task by task, from the events that all its workers have stored. */
export async function collectChanges(
  { eventsOf }: Pick<AnsibleDeps, 'eventsOf'>,
  { ref, isCheck }: { readonly ref: RunRef; readonly isCheck: boolean },
): Promise<NonNullable<AnsibleResult['changes']>> {
  const changes = new Changes({ executionId: ref.executionId, isCheck });
  for await (const event of eventsOf(ref, CHANGE_EVENTS)) changes.take(event);
  return changes.report;
}
