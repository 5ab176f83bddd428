import type { FailureCode } from '@switchyard/contracts';
import type { EventName } from '@switchyard/schema-change';
import type { CodedFailure } from '@switchyard/workflow-kit';

const EVENTS: Partial<Record<FailureCode, EventName>> = {
  ApprovalRejected: 'rejected',
  ApprovalExpired: 'rejected',
  SchemaDrifted: 'drifted',
  ParityMismatch: 'parityFailed',
  StreamLost: 'streamLost',
};

/** What a failure means to the machine. */
export function eventOf({ code }: CodedFailure): EventName {
  return EVENTS[code] ?? 'failed';
}
