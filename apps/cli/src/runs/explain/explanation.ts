import type { ExecutionState } from '../history/read-history.js';

/** One workflow on the way from a run down to where it failed. */
export interface Link {
  readonly workflowId: string;
  readonly type: string;
  /** The step that failed; null where the workflow has none, or failed outside of them. */
  readonly step: string | null;
  /** How often the step was tried. */
  readonly attempts: number;
  readonly code: string;
  readonly message: string;
}

/** What a tool said about the failure. */
export interface Evidence {
  /** Host, resource, changeset or URL. */
  readonly subject: string | null;
  readonly task: string | null;
  readonly attempt: number;
  readonly message: string;
  readonly at: string;
  /** Its number in the events of the run. */
  readonly seq: number;
}

/** What became of undoing one thing. */
export interface Undone {
  readonly what: string;
  readonly outcome: 'undone' | 'failed';
  readonly message: string;
}

/** Why a run failed. */
export interface Cause {
  /** From the run itself down to where it began; never empty. */
  readonly chain: readonly Link[];
  /** The activity that failed there, and how often it was tried. */
  readonly activity: { readonly type: string; readonly attempts: number } | null;
  readonly evidence: readonly Evidence[];
}

/** Something that a run waits for. */
export interface Wait {
  readonly workflowId: string;
  readonly kind: 'approval' | 'condition' | 'lock' | 'person' | 'worker' | 'retry' | 'work';
  readonly name: string;
  /** ISO 8601; null where it is not known. */
  readonly since: string | null;
  /** What is known of it, in lines for people. */
  readonly lines: readonly string[];
  /** What ends the wait: sentences and commands; empty where it ends by itself. */
  readonly todo: readonly string[];
}

/** A run explained. */
export interface Explanation {
  readonly runId: string;
  readonly type: string;
  readonly state: ExecutionState;
  /** One sentence. */
  readonly summary: string;
  /** Null for a run that did not fail. */
  readonly cause: Cause | null;
  /** What undoing came to; empty where nothing was undone. */
  readonly compensation: readonly Undone[];
  /** What a run that is under way waits for; empty for one that has ended. */
  readonly waits: readonly Wait[];
  readonly warnings: readonly string[];
  /** What to do, in the order to try: sentences and commands. */
  readonly next: readonly string[];
  /** What could not be looked at. */
  readonly missing: readonly string[];
}
