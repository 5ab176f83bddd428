import { CodedError, newEventSchema, parseOrThrow, type NewEventInput } from '@switchyard/contracts';
import { storableJson } from '../storable-json.js';

/** Most bytes of an event's `data` as JSON, and of its `message`. */
export const MAX_EVENT_DATA_BYTES = 64 * 1024;

/** Temporal's own limit for a workflow id; with it the id fits the payload of a notification (8,000 bytes). */
const MAX_ID_LENGTH = 1000;

/** An event that was checked and is ready to be sent. */
export interface EncodedEvent {
  readonly runId: string;
  readonly json: string;
  /** Length of `json`, near enough to bytes for bounding memory. */
  readonly size: number;
}

/**
 * Checks an event and makes its JSON, with what PostgreSQL cannot store (NUL, half surrogates) replaced by U+FFFD.
 * @param key names the event; default: it has no name of its own
 * @throws CodedError InvalidInput for a wrong field, or data or message above 64 KiB
 */
export function encodeEvent(event: NewEventInput, key?: string): EncodedEvent {
  const parsed = parseOrThrow(newEventSchema, event, 'event');
  const where = `event ${parsed.source}/${parsed.type} of run ${parsed.runId.slice(0, 100)}`;
  if (parsed.runId.length > MAX_ID_LENGTH || parsed.workflowId.length > MAX_ID_LENGTH) {
    throw new CodedError('InvalidInput', `${where}: runId and workflowId have at most ${MAX_ID_LENGTH} characters`);
  }
  checkSize(`${where}: data`, JSON.stringify(parsed.data));
  checkSize(`${where}: message`, parsed.message);
  const json = storableJson(key === undefined ? parsed : { ...parsed, key });
  return { runId: parsed.runId, json, size: json.length };
}

function checkSize(what: string, text: string): void {
  // A UTF-16 unit is at most three bytes of UTF-8: the exact count is needed for long texts only.
  if (text.length * 3 <= MAX_EVENT_DATA_BYTES) return;
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_EVENT_DATA_BYTES) return;
  throw new CodedError(
    'InvalidInput',
    `${what} has ${bytes} bytes, and at most ${MAX_EVENT_DATA_BYTES} are stored: keep it as an artifact and put its digest into data`,
    { details: { bytes, limit: MAX_EVENT_DATA_BYTES } },
  );
}
