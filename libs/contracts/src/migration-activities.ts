import type { RunRef } from './run-activities.js';
import type { SchemaChange } from './inputs/schema-change.js';

/** A change file for a step of a run. */
export interface ChangeFileCall {
  readonly ref: RunRef;
  /** Step id; events carry it. */
  readonly step: string;
  /** As the runbook names it; relative paths count from the first project root. */
  readonly file: string;
}

/** The activities on database-migration-task-queue that other workers call. */
export interface ChangeFileActivities {
  /**
   * Reads a change file and checks it, at the moment at which the step begins.
   * @throws NotFound, PathRefused; InvalidInput with every problem, each with line and column
   */
  readonly readChangeFile: (call: ChangeFileCall) => Promise<SchemaChange>;
}
