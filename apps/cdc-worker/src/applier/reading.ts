import type { ChangeSource } from '../source/change-source.js';
import type { StreamFigures } from './figures.js';
import type { Intake } from './intake.js';

/** Options of {@link Reading}. */
export interface ReadingOptions {
  readonly source: ChangeSource;
  readonly intake: Intake;
  readonly figures: StreamFigures;
  /** The source is not read on while so many keys wait. */
  readonly mostWaiting: number;
  readonly signal: AbortSignal;
}

/** Reads a source while batches are applied: what waits is bounded, and the source is slowed down by not being read. */
export class Reading {
  readonly #options: ReadingOptions;
  readonly #loop: Promise<void>;
  readonly #onAbort = (): void => this.#wake.resolve();
  #isStopped = false;
  #ended: { readonly error: unknown } | undefined;
  #wake = Promise.withResolvers<void>();
  #room = Promise.withResolvers<void>();

  constructor(options: ReadingOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', this.#onAbort);
    this.#loop = this.#read();
  }

  /**
   * Resolves with true when something waits or the time is up, with false at the end of the source; rejects with what
   * ended it, after everything that came before was handed out.
   */
  async next(withinMs: number | undefined): Promise<boolean> {
    const { signal, intake } = this.#options;
    signal.throwIfAborted();
    this.#room.resolve();
    if (intake.isEmpty && !this.#ended) await this.#somethingHappens(withinMs);
    signal.throwIfAborted();
    if (!intake.isEmpty) return true;
    if (this.#ended?.error !== undefined) throw this.#ended.error;
    return this.#ended === undefined;
  }

  /** Resolves when nothing is read any more. The source has to be closed before. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    this.#room.resolve();
    await this.#loop;
  }

  async #read(): Promise<void> {
    const { source, intake, figures, mostWaiting } = this.#options;
    try {
      for await (const events of source.events) {
        if (this.#isStopped) break;
        intake.add(events);
        figures.waiting(intake.size, intake.oldestCommit);
        this.#wake.resolve();
        if (intake.size < mostWaiting) continue;
        this.#room = Promise.withResolvers<void>();
        await this.#room.promise;
      }
      this.#ended = { error: undefined };
    } catch (error) {
      this.#ended = { error };
    }
    this.#wake.resolve();
  }

  async #somethingHappens(withinMs: number | undefined): Promise<void> {
    this.#wake = Promise.withResolvers<void>();
    const { promise, resolve } = this.#wake;
    const timer = withinMs === undefined ? undefined : setTimeout(resolve, withinMs);
    await promise;
    clearTimeout(timer);
  }
}
