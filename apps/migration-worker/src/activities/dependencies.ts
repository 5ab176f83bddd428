import type { Masker, Reaper } from '@switchyard/process';
import type { NamedDatabases } from '@switchyard/shared-db';
import type { LockOwner, Store } from '@switchyard/store';
import type { Tools } from '../tools.js';

/** What the activities of this worker work with. */
export interface Dependencies {
  readonly databases: NamedDatabases;
  readonly allowInlineCredentials: boolean;
  /** Project roots: changelogs and SQL files lie below them. */
  readonly roots: readonly string[];
  readonly backupRoot: string;
  /** For files that live as long as one call. */
  readonly workDirectory: string;
  readonly tools: Tools;
  /** Hides the passwords of targets in events, logs and failures. */
  readonly masker: Masker;
  readonly reaper: Reaper | undefined;
  readonly store: Pick<Store, 'db' | 'putArtifact' | 'readArtifact'>;
  /** Whether the run that holds a lock is still open. */
  readonly isRunOpen: (owner: LockOwner) => Promise<boolean>;
  /** Whether the workflow of that id is open: a flag of a run that has ended may be taken over. */
  readonly isWorkflowOpen: (workflowId: string) => Promise<boolean>;
  readonly now: () => Date;
}
