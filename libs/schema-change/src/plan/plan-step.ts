import type { Estimate } from './estimate.js';

export const PHASES = ['Expand', 'Backfill', 'Switch', 'Contract'] as const;
export type Phase = (typeof PHASES)[number];

/** A lock that a step takes on a table of the application. */
export interface TakenLock {
  readonly mode:
    'ACCESS SHARE' | 'ROW EXCLUSIVE' | 'SHARE UPDATE EXCLUSIVE' | 'SHARE ROW EXCLUSIVE' | 'ACCESS EXCLUSIVE';
  readonly relation: string;
  /** How long it is held: a moment of catalog work, one chunk, or as long as the step takes. */
  readonly hold: 'moment' | 'chunk' | 'step';
  /** Milliseconds that are expected. */
  readonly expectedMs: number;
  readonly blocks: 'nothing' | 'schema changes' | 'writers' | 'everyone';
}

/** One step as a person reads it before the run and sees it during the run. */
export interface PlanStep {
  readonly id: string;
  readonly phase: Phase;
  readonly title: string;
  /** What is run, in order. Chunks and batches are shown by their first. */
  readonly sql: readonly string[];
  readonly locks: readonly TakenLock[];
  readonly reversible: boolean;
  /** How an abort takes it back, in words. */
  readonly undo: string;
  readonly estimate: Estimate;
}
