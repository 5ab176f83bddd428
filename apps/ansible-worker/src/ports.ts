import type { AnsibleInput, NewEventInput, ProgressReport, RunRef, StoredEvent } from '@switchyard/contracts';
import type { GitSources } from '@switchyard/git-source';
import type { Reaper } from '@switchyard/process';
import type { FinalHostState, HostState } from '@switchyard/store';
import type { ProjectRequirements } from './requirements/install-requirements.js';

/** Where events go. `write` may wait while the buffer is full; `flush` waits until all of them are stored. */
export interface EventSink {
  write(event: NewEventInput): Promise<void>;
  flush(): Promise<void>;
}

/** A host as the ledger knows it. */
export interface KnownHost {
  readonly host: string;
  readonly state: HostState;
  /** The attempt to which the state belongs; 0 before the first. */
  readonly attempt: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly message: string | null;
}

/** A host's final result in one attempt. */
export interface FinalHost {
  readonly host: string;
  readonly state: FinalHostState;
  readonly attempt: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly message?: string;
  readonly batch: number;
}

/** The host ledger: which hosts an execution has, and what became of each. */
export interface HostLedger {
  /** Writes hosts down as pending; the first call for an execution holds. */
  snapshot(ref: RunRef, inventoryDigest: string, hosts: readonly string[]): Promise<void>;
  /** The hosts by name, or undefined before the snapshot. */
  read(
    executionId: string,
  ): Promise<{ readonly inventoryDigest: string; readonly hosts: readonly KnownHost[] } | undefined>;
  /** Marks hosts as running and tells which of them may run. */
  start(executionId: string, hosts: readonly string[], batch: number, attempt: number): Promise<readonly string[]>;
  finish(executionId: string, results: readonly FinalHost[]): Promise<void>;
  /** The newest execution that a run id means, for `retryOf`. */
  latest(runId: string): Promise<RunRef | undefined>;
}

/** The input of each execution, kept encrypted, for later batches, later workers and `retryOf`. */
export interface InputStore {
  keep(ref: RunRef, input: AnsibleInput): Promise<void>;
  /** The input of an execution; undefined when none was kept. */
  find(runId: string, executionId: string): Promise<unknown>;
}

/** Inventories that were asked for elsewhere, kept encrypted. */
export interface InventoryStore {
  /** What an execution was given the first time: all its batches, and later workers, use it. */
  frozen(ref: RunRef): Promise<unknown>;
  freeze(ref: RunRef, inventories: unknown): Promise<void>;
  /** The newest answer of a source, and when it was given, ISO 8601. */
  cached(
    source: string,
  ): Promise<{ readonly answer: unknown; readonly digest: string; readonly at: string } | undefined>;
  /** Keeps an answer and tells its digest. */
  cache(source: string, answer: unknown, at: string): Promise<string>;
}

/** What the activities need of the worker. */
export interface AnsibleDeps {
  readonly events: EventSink;
  /** The stored events of a run with these types, in their order. */
  readonly eventsOf: (ref: RunRef, types: readonly string[]) => AsyncIterable<StoredEvent>;
  readonly ledger: HostLedger;
  readonly inputs: InputStore;
  readonly inventories: InventoryStore;
  /** The value of a secret. Throws NotFound for a name that nobody knows. */
  readonly secret: (name: string) => Promise<string>;
  /** Tells the workflow how far a step is. Losing a report is no error. */
  readonly report: (ref: RunRef, progress: ProgressReport) => Promise<void>;
  /** Whether a run is under way. One that Temporal does not know any more is not. */
  readonly isRunning: (workflowId: string) => Promise<boolean>;
  /** Projects that lie in git. */
  readonly sources: Pick<GitSources, 'pin' | 'checkout'>;
  readonly requirements: Pick<ProjectRequirements, 'of'>;
  readonly reaper?: Reaper;
  readonly settings: AnsibleSettings;
}

/** Configuration of the worker, as far as playbooks are concerned. */
export interface AnsibleSettings {
  /** Project roots; the first is the base of relative paths. */
  readonly roots: readonly string[];
  /** Scratch directory; workspaces lie below it with mode 700. */
  readonly workDir: string;
  /** Directory with ansible-playbook and ansible-config. Default: PATH. */
  readonly binDir?: string;
  /** Environment of the worker, from which an allow-list reaches the playbook. */
  readonly env: NodeJS.ProcessEnv;
}
