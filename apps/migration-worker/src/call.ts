import type { NewEventInput, RunRef } from '@switchyard/contracts';

/** What an activity's code knows about its call, apart from its input. */
export interface Call {
  readonly ref: RunRef;
  /** Counts from 1; above 1 an earlier attempt may have left something behind. */
  readonly attempt: number;
  /** When the call was asked for: the same over all of its attempts. */
  readonly scheduledAt: Date;
  /** Aborted by cancellation, by the time-out and by the end of the worker. */
  readonly signal: AbortSignal;
  /** Run marker of the programs of this call. */
  readonly marker: string;
  /** Tells the workflow how far the step is; sent at most every few seconds. */
  readonly progress: (percent: number, detail: string) => void;
  /** Stores an event of the run. Resolves when the writer has taken it. */
  readonly record: (event: Pick<NewEventInput, 'type' | 'message'> & Partial<NewEventInput>) => Promise<void>;
}
