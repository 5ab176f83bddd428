import type { AnsibleInput, AnsibleResult, RunRef, SourceActivities } from '@switchyard/contracts';

/** Which hosts one call of `runBatch` works on, and on whose behalf. */
export interface BatchInput {
  readonly ref: RunRef;
  /** The step that progress is reported for. */
  readonly step: string;
  /** Where the hosts are written down: the execution id, with `#2` and so on when all hosts run once more. */
  readonly ledgerId: string;
  /** 0: all hosts, to be sliced when there are too many; from 1 on: that slice of the ledger. */
  readonly batch: number;
  /** 1 for the first time; later attempts work on hosts that failed, could not be reached or never started. */
  readonly attempt: number;
  /** When the run began, ISO 8601: failures carry the time it took. */
  readonly startedAt: string;
  /** Batch 0 brings the input; slices read it from the store, so that history holds it once. */
  readonly input?: AnsibleInput;
}

/** How many hosts ended how. */
export interface BatchCounts {
  readonly total: number;
  readonly ok: number;
  readonly failed: number;
  readonly unreachable: number;
  readonly notStarted: number;
}

/** What came of a call of `runBatch`. */
export type BatchResult =
  | {
      readonly kind: 'finished';
      /** Of all hosts of the ledger, those of other slices too. */
      readonly all: BatchCounts;
      readonly slice: BatchCounts;
      readonly inventoryDigest: string;
      readonly tail: readonly string[];
      /** Why the first hosts of this slice did not end well. */
      readonly reasons: readonly string[];
      /** Results by host; null for slices and for many hosts, which `collectHosts` gives once at the end. */
      readonly hosts: AnsibleResult['hosts'] | null;
    }
  /** The hosts are in the ledger; nothing ran yet. */
  | { readonly kind: 'split'; readonly hosts: number; readonly batches: number; readonly inventoryDigest: string }
  /** Ended because the workflow asked for it. */
  | { readonly kind: 'cancelled'; readonly detail: string };

/** What `takeUp` made of `retryOf`. */
export interface TakenUp {
  readonly input: AnsibleInput;
  readonly hosts: number;
}

/** The activities of the ansible-worker. */
export interface AnsibleActivities extends SourceActivities {
  runBatch(input: BatchInput): Promise<BatchResult>;
  /** Reads the input of the run that `retryOf` names, lays the new one over it, and writes down the hosts to run on. */
  takeUp(input: { readonly ref: RunRef; readonly given: unknown }): Promise<TakenUp>;
  /** What the run changed, or would change in check mode. */
  collectChanges(input: {
    readonly ref: RunRef;
    readonly isCheck: boolean;
  }): Promise<NonNullable<AnsibleResult['changes']>>;
  /** Results of all hosts of an execution; of very many only those that did not end well. */
  collectHosts(input: { readonly ledgerId: string }): Promise<{
    readonly hosts: AnsibleResult['hosts'];
    readonly failedHosts: readonly string[];
    readonly reasons: readonly string[];
    readonly counts: BatchCounts;
    readonly inventoryDigest: string;
  }>;
}
