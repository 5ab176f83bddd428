export { openStore, type OpenStoreOptions, type Store } from './store.js';
export { createRunActivities } from './run-activities.js';
export { assertSchema, migrate, type MigrateOptions, type MigrateResult } from './migrate.js';
export { maintain, type Maintained, type MaintainOptions } from './maintain.js';
export type { Db } from './sql.js';

export { appendEvents, EVENTS_CHANNEL, type AppendedRun, type AppendOptions } from './events/append.js';
export { MAX_EVENT_DATA_BYTES } from './events/encode.js';
export { followEvents, type FollowOptions } from './events/follow.js';
export { createEventListener, type EventListener } from './events/listener.js';
export { measureEventRate, type EventRate } from './events/measure.js';
export { dropEventsBefore, ensureEventPartitions, type PartitionOptions, type Retired } from './events/partitions.js';
export { readEvents, type EventFilter, type EventLevel, type EventSource, type ReadOptions } from './events/read.js';
export {
  createEventWriter,
  type EventWriter,
  type EventWriterOptions,
  type UnstoredEvent,
  type WriterReport,
} from './events/writer.js';

export {
  FINAL_HOST_STATES,
  finishHosts,
  HOST_STATES,
  hostsOf,
  latestExecution,
  snapshotHosts,
  snapshotOf,
  startHosts,
  unfinishedHosts,
  type ExecutionRef,
  type FinalHostState,
  type HostResult,
  type HostSnapshot,
  type HostState,
  type LedgerHost,
} from './ledgers/hosts.js';
export {
  completeResources,
  RESOURCE_STATES,
  resourcesOf,
  startResources,
  type LedgerResource,
  type ResourceResult,
  type ResourceState,
} from './ledgers/resources.js';

export { getArtifact, readArtifact, type OpenArtifact } from './artifacts/get.js';
export { parseArtifactKeys, type ArtifactKey, type ArtifactKeys } from './artifacts/keys.js';
export {
  DEFAULT_MAX_ARTIFACT_BYTES,
  putArtifact,
  type ArtifactContent,
  type ArtifactDigest,
  type PutArtifactOptions,
} from './artifacts/put.js';
export { dropArtifactRefsBefore, listArtifacts, newestArtifacts, sweepArtifacts, type ArtifactRef } from './artifacts/refs.js';

export { acquireLocks, type AcquireOptions, type AcquireResult } from './locks/acquire.js';
export { heldLocks, listLocks, type ListedLock } from './locks/list.js';
export type { LockClaim, LockOwner } from './locks/lock.js';
export { forceRelease, releaseLocks, stopWaiting } from './locks/release.js';
export { waitForLocks, type WaitForLocksOptions } from './locks/wait.js';

export { listDecisions, recordDecision, type NewDecision, type RecordedDecision } from './decisions.js';
