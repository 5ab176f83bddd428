export { openStore, type OpenStoreOptions, type Store } from './store.js';
export { createRunActivities } from './run-activities.js';
export { createLockActivities } from './locks/lock-activities.js';
export { assertSchema, migrate, type MigrateOptions, type MigrateResult } from './migrate.js';
export { maintain, type Maintained, type MaintainOptions } from './maintain.js';
export type { Listener } from './listener.js';
export type { Db } from './sql.js';

export {
  appendEvents,
  createEventListener,
  EVENTS_CHANNEL,
  type AppendedRun,
  type AppendOptions,
} from './events/append.js';
export { MAX_EVENT_DATA_BYTES } from './events/encode.js';
export { keysOfEvents } from './events/keys.js';
export { followEvents, type FollowOptions } from './events/follow.js';
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
export {
  dropArtifactRefsBefore,
  listArtifacts,
  newestArtifacts,
  sweepArtifacts,
  type ArtifactRef,
} from './artifacts/refs.js';

export { createFlagListener, FLAGS_CHANNEL, type Flag, type FlagRun } from './flags/flag.js';
export { INSTANCE_GONE_AFTER_MS, laggards, type Laggard, type LaggardsOptions } from './flags/laggards.js';
export { readFlag, readFlags } from './flags/read.js';
export { removeFlag, type RemoveFlagOptions } from './flags/remove.js';
export {
  FLAG_LEASE_MS,
  forgetInstance,
  reportInstance,
  type InstanceReport,
  type ReportResult,
  type ShadowReads,
} from './flags/report.js';
export { setFlag, type SetFlagOptions, type SetFlagResult } from './flags/set.js';
export { shadowReads, type ShadowReadsOptions, type ShadowReadsSum } from './flags/shadow-reads.js';
export { flagUses, type FlagUse } from './flags/uses.js';

export { acquireLocks, type AcquireOptions, type AcquireResult } from './locks/acquire.js';
export { heldLocks, listLocks, type ListedLock } from './locks/list.js';
export type { LockClaim, LockOwner } from './locks/lock.js';
export { forceRelease, releaseLocks, stopWaiting } from './locks/release.js';
export { waitForLocks, type WaitForLocksOptions } from './locks/wait.js';

export { acknowledgeDrift, listDrift, noteDrift, type KnownDrift } from './drift.js';

export { listDecisions, recordDecision, type NewDecision, type RecordedDecision } from './decisions.js';
