import type { NewEventInput, ProgressReport, RunRef } from '@switchyard/contracts';
import type { Masker } from '@switchyard/process';
import type { EffectLedger } from '../effects/ledger.js';
import type { HttpClient } from '../http/client.js';
import type { HostPauses } from '../http/host-pauses.js';
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
  readonly http: HttpClient;
  /** Hosts that asked this worker to wait. */
  readonly pauses: HostPauses;
  readonly ledger: EffectLedger;
  /** Tells the workflow of a step what the step waits for. Never rejects. */
  readonly report: (run: RunRef, progress: ProgressReport) => Promise<void>;
}
