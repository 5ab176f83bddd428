import type { ChangeSource, SourceEvent } from '../source/change-source.js';
import type { StreamFigures } from './figures.js';
import type { Intake } from './intake.js';

/** Options of {@link Reading}. */
export interface ReadingOptions {
  readonly source: ChangeSource;
  readonly intake: Intake;
  readonly figures: StreamFigures;
  readonly signal: AbortSignal;
}

/** What {@link Reading.gather} waits for. */
export interface Wanted {
  /** So many waiting keys are enough. */
  readonly keys: number;
  /** Until then, by the clock of `performance`, fewer are not enough; after it, what is there already is taken along. */
  readonly until: number;
  /** Milliseconds to wait for anything at all; undefined: for ever. */
  readonly withinMs: number | undefined;
}

/**
 * Reads a source between batches, and not while one is applied: decoding would come between two statements of the
 * batch, whose row locks are held meanwhile. The source is slowed down by not being read, so that what waits is bounded.
 */
export class Reading {
  readonly #options: ReadingOptions;
  readonly #events: AsyncIterator<readonly SourceEvent[]>;
  readonly #onAbort = (): void => this.#wake.resolve();
  /** The word of the source that is waited for. One may come while a batch is applied. */
  #pull: Promise<void> | undefined;
  #ended: { readonly error: unknown } | undefined;
  #wake = Promise.withResolvers<void>();

  constructor(options: ReadingOptions) {
    this.#options = options;
    this.#events = options.source.events[Symbol.asyncIterator]();
    options.signal.addEventListener('abort', this.#onAbort);
  }

  /**
   * Resolves with true when enough waits or the time is up, with false at the end of the source; rejects with what
   * ended it, after everything that came before was handed out.
   */
  async gather({ keys, until, withinMs }: Wanted): Promise<boolean> {
    const { signal, intake } = this.#options;
    const latest = withinMs === undefined ? Infinity : performance.now() + withinMs;
    for (;;) {
      signal.throwIfAborted();
      if (intake.size >= keys) return true;
      if (this.#ended) break;
      const waitMs = (intake.isEmpty ? latest : until) - performance.now();
      // oxlint-disable-next-line no-await-in-loop -- one word of the source after the other
      if (!(await this.#somethingComes(waitMs)) && waitMs <= 0) return true;
    }
    if (!intake.isEmpty) return true;
    if (this.#ended.error !== undefined) throw this.#ended.error;
    return false;
  }

  /** Resolves when nothing is read any more. The source has to be closed before. */
  async stop(): Promise<void> {
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    await this.#pull;
  }

  /** Whether something came within the time. With none left: whether it is there already, or comes with one read. */
  async #somethingComes(waitMs: number): Promise<boolean> {
    this.#wake = Promise.withResolvers<void>();
    const { promise, resolve } = this.#wake;
    this.#pull ??= this.#next();
    const pull = this.#pull;
    const cancel = after(waitMs, resolve);
    await promise;
    cancel();
    return this.#pull !== pull;
  }

  async #next(): Promise<void> {
    const { intake, figures } = this.#options;
    try {
      const { done, value } = await this.#events.next();
      if (done) this.#ended = { error: undefined };
      else {
        intake.add(value);
        figures.waiting(intake.size, intake.oldestCommit);
      }
    } catch (error) {
      this.#ended = { error };
    }
    this.#pull = undefined;
    this.#wake.resolve();
  }
}

/** Calls back after some milliseconds; with none, after the sockets were looked at once. Gives what cancels it. */
function after(ms: number, call: () => void): () => void {
  if (ms === Infinity) return () => undefined;
  if (ms > 0) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  }
  const immediate = setImmediate(call);
  return () => clearImmediate(immediate);
}
