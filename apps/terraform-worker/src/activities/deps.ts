import type {
  DriftAcknowledgement,
  Drifted,
  NewEventInput,
  ProgressReport,
  RunRef,
  TerraformInput,
} from '@switchyard/contracts';
import type { GitSources } from '@switchyard/git-source';
import type { Reaper } from '@switchyard/process';
import type { Engine } from '../tool/find-engine.js';
import type { ReadSecret } from '../stack/variables.js';

/** Takes events; `flush` resolves when they are stored. */
export interface EventSink {
  write(event: NewEventInput): Promise<void>;
  flush(): Promise<void>;
}

/** Keeps bytes encrypted, addressed by their digest. */
export interface ArtifactStore {
  put(artifact: {
    readonly runId: string;
    readonly kind: string;
    readonly name: string;
    readonly contentType: string;
    readonly content: string | Uint8Array;
  }): Promise<{ readonly digest: string }>;
  read(digest: string): Promise<Buffer>;
  /** The digest of the newest artifact of a run by this kind and name. */
  find(artifact: { readonly runId: string; readonly kind: string; readonly name: string }): Promise<string | undefined>;
}

/** What an apply began and ended, written down outside of the state. */
export interface ResourceLedger {
  start(entry: {
    readonly ref: RunRef;
    readonly attempt: number;
    readonly resources: readonly { readonly address: string; readonly action: string; readonly resourceId?: string }[];
  }): Promise<unknown>;
  complete(entry: {
    readonly executionId: string;
    readonly attempt: number;
    readonly results: readonly {
      readonly address: string;
      readonly action: string;
      readonly state: 'completed' | 'failed';
      readonly resourceId?: string;
      readonly message?: string;
    }[];
  }): Promise<unknown>;
  of(executionId: string): Promise<readonly LedgerEntry[]>;
}

export interface LedgerEntry {
  readonly address: string;
  readonly action: string;
  readonly state: 'started' | 'completed' | 'failed';
  readonly resourceId: string | null;
}

/** Who has what a run waits for. */
export interface LockHolder {
  readonly name: string;
  readonly workflowId: string;
  /** What the holder does, in words for people. */
  readonly reason: string;
  readonly since: string;
}

/** Named locks of whole runs. */
export interface RunLocks {
  /** Waits at most so long. Throws LockUnavailable with the holder. A lock that the run holds already is taken. */
  acquire(lock: {
    readonly name: string;
    readonly ref: RunRef;
    readonly reason: string;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
    /** Told after each attempt that found the lock taken. */
    readonly onBlocked: (blockedBy: readonly LockHolder[]) => void;
  }): Promise<unknown>;
  /** Gives all locks of the run back. */
  release(ref: RunRef): Promise<unknown>;
}

/** What is remembered of the drift of each stack. */
export interface DriftMemory {
  /** Called under the lock of the stack. */
  note(found: {
    readonly subject: string;
    readonly run: RunRef;
    /** Null when nothing has drifted. */
    readonly digest: string | null;
    readonly drifted: readonly Drifted[];
  }): Promise<{ readonly isNew: boolean; readonly acknowledged: DriftAcknowledgement | null }>;
  acknowledge(said: {
    readonly id: string;
    readonly subject: string;
    readonly runId: string;
    readonly digest: string;
    readonly until: Date;
    readonly by: string;
    readonly channel: string;
    readonly reason: string;
  }): Promise<DriftAcknowledgement>;
}

/** What the activities need from outside. */
export interface TerraformDeps {
  readonly events: EventSink;
  readonly artifacts: ArtifactStore;
  readonly ledger: ResourceLedger;
  readonly locks: RunLocks;
  readonly drift: DriftMemory;
  readonly readSecret: ReadSecret;
  /** Tells the workflow how far a step is. Never throws. */
  readonly report: (ref: RunRef, report: ProgressReport) => Promise<void>;
  readonly findEngine: (wanted: TerraformInput['engine']) => Promise<Engine>;
  /** Finds OPA. Called only where there are policies in Rego. */
  readonly findOpa: () => Promise<string>;
  /** Directory of policies in Rego that every plan must keep. */
  readonly workerPolicies: string | undefined;
  /** Environment of the tool, complete but for the run marker. */
  readonly environment: Readonly<Record<string, string>>;
  readonly roots: readonly string[];
  /** Stacks that lie in git. */
  readonly sources: Pick<GitSources, 'pin' | 'copy'>;
  readonly workDir: string;
  readonly reaper?: Reaper;
}

/** One attempt of an activity. */
export interface Attempt {
  readonly number: number;
  /** Aborts on cancel and when the worker shuts down. */
  readonly signal: AbortSignal;
}
