import { createHash } from 'node:crypto';
import type { NewEventInput, ToldEvents } from '@switchyard/contracts';

/**
 * A key for each event that an execution told: the same again when the same is told at the same place.
 *
 * Temporal may drop what a workflow task did (its worker died, or something came meanwhile) after the task has stored its
 * events, and then it runs the task again. Mostly that tells the same, which must not be stored twice. But what came in
 * between may be in it too, which must not be taken for known because of its place alone.
 */
export const keysOfEvents = ({ execution, before, events }: ToldEvents): readonly string[] =>
  events.map((event, i) => `${execution}/${before + i}/${digestOf(event)}`);

function digestOf({ at: _at, message, data, ...same }: NewEventInput): string {
  // The other attempt was at another time. How long something took differs with it, and the message that tells it.
  const told = data && 'durationMs' in data ? same : { ...same, message, data };
  return createHash('sha256').update(JSON.stringify(told)).digest('base64url').slice(0, 16);
}
