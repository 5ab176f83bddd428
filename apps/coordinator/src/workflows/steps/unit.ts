import type { RunbookStep } from '@switchyard/contracts';

/** One effect of a run: a step, one item of it, or the undoing of either. */
export interface Unit {
  readonly step: string;
  readonly uses: RunbookStep['uses'];
  /** Resolved: no `${{ }}` is left in it. */
  readonly with: unknown;
  /** The retry of the step, for kinds that retry by themselves. */
  readonly retry?: RunbookStep['retry'];
  /** Names the effect within Temporal: the id of its child workflow begins with it. */
  readonly path: string;
  /** The execution that the effect belongs to: with the path it makes the idempotency key. */
  readonly executionId: string;
  /** From 1; a further attempt gets a child of its own, so that both histories can be read. */
  readonly attempt: number;
}

/** The id of the child workflow of a unit. */
export const childIdOf = ({ path, attempt }: Pick<Unit, 'path' | 'attempt'>): string =>
  attempt > 1 ? `${path}/a${attempt}` : path;
