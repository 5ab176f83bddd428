import type { NewEventInput } from '@switchyard/contracts';
import type { Masker } from '@switchyard/process';
import type { SecretSource } from '../http/secrets.js';

/** Where events go: the event writer of the store. */
export interface EventSink {
  write(event: NewEventInput): Promise<void>;
}

/** What the activities need from the worker. */
export interface IntegrationPorts {
  readonly secrets: SecretSource;
  readonly events: EventSink;
  /** Every secret that is resolved is registered here, so that logs and failures of the worker hide it too. */
  readonly masker: Masker;
}
