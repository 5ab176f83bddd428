import type { Phase } from '../plan/plan-step.js';

/** States in which the run does one thing, in the order of the protocol. */
export const WORK_STATES = [
  'preflight',
  'expanding',
  'connecting',
  'backfilling',
  'indexing',
  'proving',
  'cutoverGate',
  'switchingReads',
  'dualWriting',
  'enforcing',
  'reversing',
  'switchingWrites',
  'coolingDown',
  'contractGate',
  'closing',
  'dropping',
  'cleaning',
  'aborting',
] as const;
export type WorkState = (typeof WORK_STATES)[number];

/** States that no event leaves. */
export const END_STATES = ['completed', 'aborted', 'refused'] as const;
export type EndState = (typeof END_STATES)[number];

/** `held`: something a person must look at; `retry` goes back to where it was. */
export type StateName = WorkState | 'held' | EndState;
export const STATE_NAMES: readonly StateName[] = [...WORK_STATES, 'held', ...END_STATES];

/** What can happen to a run. */
export const EVENTS = [
  /** The work of the state is done, and proved where the protocol says so. */
  'done',
  /** Preflight found an obstacle. */
  'refused',
  /** The work cannot go on: retries are used up. */
  'failed',
  /** Parity found rows for which the relation does not hold, after one attempt to mend them. */
  'parityFailed',
  /** The stream lost its position: changes may be missing. */
  'streamLost',
  /** Somebody else changed the tables. */
  'drifted',
  'approved',
  /** Rejected, or expired under a policy that rejects. */
  'rejected',
  'abort',
  'retry',
] as const;
export type EventName = (typeof EVENTS)[number];

/** A run of a change, as the workflow keeps it. One variant per kind of state, each with its own fields only. */
export type Machine =
  | { readonly state: Exclude<WorkState, 'aborting'>; readonly reached: Reached }
  | { readonly state: 'aborting'; readonly reached: Reached; readonly reason: string }
  | {
      readonly state: 'held';
      readonly at: WorkState;
      readonly reached: Reached;
      readonly because: EventName;
      readonly detail: string;
      /** Set while an abort is what is held. */
      readonly reason: string | null;
    }
  | { readonly state: 'completed' }
  | { readonly state: 'aborted'; readonly reason: string }
  | { readonly state: 'refused'; readonly reason: string };

/** The furthest state whose work was begun: what an abort has to undo. */
export type Reached = Exclude<WorkState, 'aborting'>;

/** `status.phase` of a state; a held or aborting run is in the phase that it had reached. */
export const PHASE_OF: Readonly<Record<Reached, Phase>> = {
  preflight: 'Expand',
  expanding: 'Expand',
  connecting: 'Expand',
  backfilling: 'Backfill',
  indexing: 'Backfill',
  proving: 'Backfill',
  cutoverGate: 'Switch',
  switchingReads: 'Switch',
  dualWriting: 'Switch',
  enforcing: 'Switch',
  reversing: 'Switch',
  switchingWrites: 'Switch',
  coolingDown: 'Contract',
  contractGate: 'Contract',
  closing: 'Contract',
  dropping: 'Contract',
  cleaning: 'Contract',
};

/** Place of a state in the protocol. */
export const rank = (state: Reached): number => WORK_STATES.indexOf(state);

/** From here on nothing can be taken back but from a backup. */
export const POINT_OF_NO_RETURN = 'dropping' satisfies Reached;
