import type { ProgressReport } from '@switchyard/contracts';
import type { PluginEvent } from '../events/plugin-event.js';

/** A report costs an event of history and a workflow task: no smaller step, and no sooner than these milliseconds. */
const LEAST_PERCENT = 5;
const LEAST_MS = 2_000;
/** Batches report side by side, and each that ends moves the run on. */
const LEAST_MS_OF_BATCH = 5_000;

/** Turns events of the plugin into reports of progress, seldom enough for a workflow's history. */
export class Progress {
  readonly #step: string;
  readonly #leastMs: number;
  readonly #now: () => number;
  #expected = 0;
  #ended = 0;
  #task = '';
  #reportedAt: number;
  #reported = 0;

  /** @param place the step that is told of, and its batch; 0 for all hosts at once */
  constructor(
    { step, batch }: { readonly step: string; readonly batch: number },
    now: () => number = () => performance.now(),
  ) {
    this.#step = step;
    this.#leastMs = batch === 0 ? LEAST_MS : LEAST_MS_OF_BATCH;
    this.#now = now;
    this.#reportedAt = now();
  }

  /** The report that is due after this event, if one is. */
  take(event: PluginEvent): ProgressReport | undefined {
    if (event.ev === 'plan') {
      // Included tasks are not known beforehand: with them it goes slower than it says, and never beyond 99.
      this.#expected = event.plays.reduce((sum, { hosts, tasks }) => sum + (hosts ?? 0) * (tasks ?? 0), 0);
    } else if (event.ev === 'task_start' || event.ev === 'handler_start') {
      this.#task = event.task;
    } else if (event.ev === 'ok' || event.ev === 'failed' || event.ev === 'skipped' || event.ev === 'unreachable') {
      this.#ended += 1;
    } else {
      return undefined;
    }
    const percent = this.percent;
    const now = this.#now();
    if (now - this.#reportedAt < this.#leastMs || percent - this.#reported < LEAST_PERCENT) return undefined;
    this.#reportedAt = now;
    this.#reported = percent;
    return { step: this.#step, progress: percent, ...(this.#task === '' ? {} : { detail: `task: ${this.#task}` }) };
  }

  get percent(): number {
    return this.#expected === 0 ? 0 : Math.min(99, Math.round((100 * this.#ended) / this.#expected));
  }
}
