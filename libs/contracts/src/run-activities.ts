import type { NewEventInput } from './event.js';
import type { Decision } from './status.js';

/** A decision as the append-only audit keeps it. */
export interface DecisionRecord extends Omit<Decision, 'decision'> {
  readonly runId: string;
  readonly workflowId: string;
  /** Gate name, or `run` for pause, resume, abort, retry and skip. */
  readonly subject: string;
  readonly decision: string;
  /** Makes a second delivery of the same decision harmless. */
  readonly id: string;
}

/** Events in the order in which one execution of a workflow told them. */
export interface ToldEvents {
  /** Execution run id: a workflow that continues as new counts from the start again. */
  readonly execution: string;
  /** How many events this execution told before these. */
  readonly before: number;
  readonly events: readonly NewEventInput[];
}

/**
 * Activities that every worker with workflows registers, so that the run itself is in the store:
 * `store` implements them, `workflow-kit` calls them.
 */
export interface RunActivities {
  /** Appends events of the run. What an attempt of the same workflow task has told already is not stored again. */
  recordRunEvents(input: ToldEvents): Promise<void>;
  /** Appends to the audit. The run goes on only after it succeeded. */
  recordDecision(decision: DecisionRecord): Promise<void>;
}

/** Which run an activity works for; part of every activity input. */
export interface RunRef {
  /** Workflow id of the top-level run: events are numbered under it. */
  readonly runId: string;
  /** Workflow id of the workflow that called the activity. */
  readonly workflowId: string;
  /** First execution run id of that workflow: unique, also when a workflow id is used again. */
  readonly executionId: string;
}
