import type { NewEventInput, RunActivities } from '@switchyard/contracts';
import { CancellationScope, condition, log } from '@temporalio/workflow';

/** Events of one activity call: enough to keep calls rare, few enough to stay far below the payload limit. */
const BATCH = 200;

/**
 * Stores the events of a run in the background, in order, one call at a time. While a call is under way new events
 * gather, so a burst costs one call. Steps never wait for it; only the end of the run does.
 */
export class Recorder {
  readonly #activities: Pick<RunActivities, 'recordRunEvents'>;
  readonly #execution: string;
  readonly #queue: NewEventInput[] = [];
  #told = 0;
  #flushing: Promise<void> | undefined;

  constructor(activities: Pick<RunActivities, 'recordRunEvents'>, execution: string) {
    this.#activities = activities;
    this.#execution = execution;
  }

  add(event: NewEventInput): void {
    this.#queue.push(event);
    this.#flushing ??= this.#flush();
  }

  /** Resolves when everything added so far is stored or was given up with a warning in the log. */
  async drain(): Promise<void> {
    while (this.#flushing) await this.#flushing;
  }

  async #flush(): Promise<void> {
    await CancellationScope.nonCancellable(async () => {
      await turnIsOver();
      while (this.#queue.length > 0) {
        const events = this.#queue.splice(0, BATCH);
        const before = this.#told;
        this.#told += events.length;
        try {
          await this.#activities.recordRunEvents({ execution: this.#execution, before, events });
        } catch (error) {
          log.warn('events of the run could not be stored', { before, events: events.length, error: String(error) });
        }
      }
    });
    this.#flushing = undefined;
  }
}

/**
 * Resolves when the workflow has nothing more to do for now: conditions are looked at after everything else of the turn
 * has run. So all events up to the next wait travel in one call, the end of a step with the end of its run.
 */
async function turnIsOver(): Promise<void> {
  let isLooked = false;
  const over = condition(() => isLooked);
  isLooked = true;
  await over;
}
