import { CodedError } from '@switchyard/contracts';
import { sqlStateOf, toDatabaseError } from '@switchyard/shared-db';

/** A message that does not follow the protocol. It names the kind and the place, never the bytes: they hold rows. */
export class MalformedMessageError extends CodedError {
  override readonly name = 'MalformedMessageError';

  constructor(
    problem: string,
    details: { readonly message: string; readonly length?: number; readonly offset?: number },
  ) {
    const where = details.offset === undefined ? '' : ` at byte ${details.offset} of ${details.length}`;
    super(
      'Internal',
      `The server sent a message of pgoutput (${JSON.stringify(details.message)}) that cannot be read${where}: ${problem}; nothing after it was taken in`,
      { retryable: false, details },
    );
  }
}

/** Why a stream cannot go on without a gap. */
export const STREAM_LOST_REASONS = [
  'slot-missing',
  'slot-recreated',
  'slot-advanced',
  'slot-lost',
  'publication-missing',
  'other-system',
  'other-timeline',
] as const;

export type StreamLostReason = (typeof STREAM_LOST_REASONS)[number];

/** Changes between the applied position and now are gone, or may be: everything has to be derived again. */
export class StreamLostError extends CodedError {
  override readonly name = 'StreamLostError';
  readonly reason: StreamLostReason;

  constructor(slot: string, reason: StreamLostReason, says: string, details: Readonly<Record<string, unknown>> = {}) {
    super('StreamLost', `The changes of slot ${slot} cannot be followed without a gap: ${says}; resynchronise`, {
      details: { slot, reason, ...details },
    });
    this.reason = reason;
  }
}

/** What the driver said when the connection of a running stream ended, as what it means for its reader. */
export function toStreamError(error: unknown, slot: string): CodedError {
  switch (sqlStateOf(error)) {
    case undefined:
      // Without a code the driver speaks of the socket.
      return new CodedError('DatabaseUnreachable', `The connection of slot ${slot} was lost; open the stream again`, {
        cause: error,
      });
    case '42704':
      return publicationMissing(slot);
    // The server no longer has what the slot was to keep.
    case '58P01':
      return new StreamLostError(slot, 'slot-lost', 'the server removed a part of the log that the slot needs');
    default:
      return toDatabaseError(error, { action: `follow the changes of slot ${slot}` });
  }
}

/** A publication that did not exist yet, or no longer, at the place of the log that is being read. */
export function publicationMissing(slot: string): StreamLostError {
  return new StreamLostError(
    slot,
    'publication-missing',
    'a publication does not exist at the place of the log that is being read, and a slot reads the catalog of its own time',
  );
}
