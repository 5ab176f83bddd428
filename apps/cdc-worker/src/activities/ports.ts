import type { NamedDatabases } from '@switchyard/shared-db';
import type { EventWriter } from '@switchyard/store';

/** What the activities of this worker work with. */
export interface StreamPorts {
  readonly databases: NamedDatabases;
  readonly events: Pick<EventWriter, 'write' | 'flush'>;
}
