import type { NewEventInput, ProgressReport, RunRef } from '@switchyard/contracts';
import type { OpenCluster } from '../cluster/open-cluster.js';

/** What the activities of this worker need of others. */
export interface KubernetesPorts {
  readonly roots: readonly string[];
  readonly openCluster: OpenCluster;
  readonly events: { write(event: NewEventInput): Promise<void> };
  readonly report: (run: RunRef, progress: ProgressReport) => Promise<void>;
}
