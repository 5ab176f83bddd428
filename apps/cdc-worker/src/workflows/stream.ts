import {
  parse,
  STREAM_SIGNALS,
  streamEndSchema,
  streamModeSchema,
  type ChangeStreamInput,
  type ChangeStreamResult,
  type StreamEnd,
  type StreamMode,
} from '@switchyard/contracts';
import { activities, continueRun, fail, failureOf, type CodedFailure, type Run } from '@switchyard/workflow-kit';
import { CancellationScope, condition, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { SlotIdentity, StreamActivities } from '../activities/contract.js';
import { nextPause, type Pauses } from './pauses.js';

/** What goes along when a stream continues as new. */
export interface Carried {
  readonly identity: SlotIdentity;
  readonly mode: StreamMode;
  readonly restarts: number;
}

/** What somebody wants of the stream. */
type Command =
  | { readonly kind: 'turn'; readonly mode: StreamMode }
  | { readonly kind: 'end'; readonly drains: boolean; readonly end: StreamEnd };

/** How a stretch of the stream came to its end. */
type Stretch =
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'paused' }
  | { readonly kind: 'long' }
  | { readonly kind: 'failed'; readonly failure: CodedFailure };

const YEAR_MS = 365 * 24 * 60 * 60_000;
const HOUR_MS = 60 * 60_000;
const STEP = 'stream';

/** Another attempt cannot help: changes are missing, or what is needed is gone. */
const FINAL: ReadonlySet<string> = new Set(['StreamLost', 'NotFound', 'PreflightRefused']);

/** One attempt each: this workflow decides about the next one, in sight of everybody. */
const long = activities<Pick<StreamActivities, 'runStream'>>({ startToClose: YEAR_MS, attempts: 1 });
const short = activities<Omit<StreamActivities, 'runStream'>>({ startToClose: 2 * HOUR_MS, attempts: 20 });

/** The life of one stream. */
export class Stream {
  readonly #run: Run;
  readonly #stream: ChangeStreamInput;
  #mode: StreamMode;
  #identity: SlotIdentity | undefined;
  #restarts: number;
  #pauses: Pauses = { failures: 0, startedAt: 0 };
  /** Signals that were taken so far, by name. */
  readonly #taken = new Map<string, number>();

  constructor(run: Run, stream: ChangeStreamInput, carried: Carried | null) {
    this.#run = run;
    this.#stream = stream;
    this.#mode = carried?.mode ?? stream.mode;
    this.#identity = carried?.identity;
    this.#restarts = carried?.restarts ?? 0;
  }

  async live(): Promise<ChangeStreamResult> {
    try {
      const end = await this.#untilEnd();
      return await this.#ended(end);
    } catch (error) {
      // Whoever is cancelled or aborted leaves nothing behind: a slot without a reader fills the disk.
      if (isCancellation(error)) await CancellationScope.nonCancellable(() => this.#release());
      throw error;
    }
  }

  async #untilEnd(): Promise<StreamEnd> {
    this.#identity ??= await this.#run.inStep('open', () => short.openStream(this.#call));
    this.#run.step('open').done();
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- stretches follow each other
      const stretch = await this.#stretch(this.#identity);
      if (stretch.kind === 'command') {
        const { command } = stretch;
        if (command.kind === 'end') return command.end;
        this.#mode = command.mode;
      } else if (stretch.kind === 'failed') {
        // oxlint-disable-next-line no-await-in-loop -- the pause after a failure
        await this.#afterFailure(stretch.failure);
      } else if (stretch.kind === 'long') {
        const carried: Carried = { identity: this.#identity, mode: this.#mode, restarts: this.#restarts };
        // oxlint-disable-next-line no-await-in-loop -- never returns
        await continueRun(this.#run, () => [{ stream: this.#stream, carried }]);
      }
      // oxlint-disable-next-line no-await-in-loop -- a pause point
      await this.#run.checkpoint();
    }
  }

  /** Streams until somebody wants something else, or it fails. */
  async #stretch(identity: SlotIdentity): Promise<Stretch> {
    const step = this.#run.step(STEP);
    step.start(`${this.#mode.direction}, ${this.#mode.relation}`, this.#restarts + 1);
    this.#pauses = { ...this.#pauses, startedAt: Date.now() };
    const scope = new CancellationScope();
    let failure: CodedFailure | undefined;
    let isOver = false;
    const streaming = scope
      .run(() => long.runStream({ ...this.#call, identity, mode: this.#mode }))
      .catch((error: unknown) => {
        failure = failureOf(error);
      })
      .finally(() => {
        isOver = true;
      });
    let stretch: Stretch | undefined;
    const isCalled = (): boolean => {
      stretch ??= this.#wanted();
      return stretch !== undefined || isOver;
    };
    try {
      await condition(isCalled);
      if (stretch?.kind === 'command' && stretch.command.kind === 'end' && stretch.command.drains) await this.#drain();
    } finally {
      // Also when the workflow itself is cancelled: what follows begins when the stream is gone.
      scope.cancel();
      await CancellationScope.nonCancellable(() => streaming);
    }
    if (stretch) return stretch;
    return {
      kind: 'failed',
      failure: failure ?? { code: 'Internal', message: 'the stream ended without a word', details: null },
    };
  }

  #wanted(): Stretch | undefined {
    const command = this.#nextCommand();
    if (command) return { kind: 'command', command };
    if (this.#run.status.pausedBy !== null) return { kind: 'paused' };
    return workflowInfo().continueAsNewSuggested ? { kind: 'long' } : undefined;
  }

  /** The oldest command that was not taken yet; an end goes before a turn. */
  #nextCommand(): Command | undefined {
    for (const [name, drains] of [
      [STREAM_SIGNALS.stop, false],
      [STREAM_SIGNALS.drain, true],
    ] as const) {
      const payload = this.#nextSignal(name);
      if (payload === undefined) continue;
      const end = parse(streamEndSchema, payload.value ?? {});
      if (end.ok) return { kind: 'end', drains, end: end.value };
      this.#run.warn(`signal ${name} had no effect: ${end.problems.map(({ message }) => message).join('; ')}`);
    }
    const turn = this.#nextSignal(STREAM_SIGNALS.turn);
    if (turn === undefined) return undefined;
    const mode = parse(streamModeSchema, turn.value);
    if (mode.ok) return { kind: 'turn', mode: mode.value };
    this.#run.warn(`signal turn had no effect: ${mode.problems.map(({ message }) => message).join('; ')}`);
    return undefined;
  }

  #nextSignal(name: string): { readonly value: unknown } | undefined {
    const taken = this.#taken.get(name) ?? 0;
    const all = this.#run.signals.get(name) ?? [];
    if (taken >= all.length) return undefined;
    this.#taken.set(name, taken + 1);
    return { value: all[taken] };
  }

  #isAskedToEnd(): boolean {
    const signals = this.#run.signals.get(STREAM_SIGNALS.stop) ?? [];
    return signals.length > (this.#taken.get(STREAM_SIGNALS.stop) ?? 0);
  }

  async #drain(): Promise<void> {
    this.#run.step(STEP).progress(0, 'draining');
    await short.drainStream({ ...this.#call, mode: this.#mode });
  }

  /** Waits, longer after each failure in a row; ends at once where another attempt cannot help. */
  async #afterFailure(failure: CodedFailure): Promise<void> {
    const { pauses, pauseMs } = nextPause(this.#pauses, Date.now());
    const isLost = FINAL.has(failure.code);
    this.#run.event({
      source: 'stream',
      type: isLost ? 'stream_lost' : 'stream_failed',
      level: 'error',
      step: STEP,
      message: failure.message,
      data: { code: failure.code },
    });
    if (isLost) {
      this.#run.step(STEP).failed(failure.message);
      throw fail(failure.code, failure.message, failure.details);
    }
    this.#pauses = pauses;
    this.#restarts++;
    this.#run.step(STEP).waiting(`tried again in ${Math.round(pauseMs / 1000)} s: ${failure.message}`);
    await this.#run.waitFor({ kind: 'condition', name: 'the next attempt of the stream' }, () =>
      condition(() => this.#isAskedToEnd(), pauseMs),
    );
  }

  async #ended({ release }: StreamEnd): Promise<ChangeStreamResult> {
    const { position, epoch, rowsWritten } = await short.readStream(this.#call);
    this.#run.step(STEP).done(`applied up to ${position ?? 'nothing'}`);
    if (release) await this.#release();
    else this.#run.step('release').skipped('slot and publication stay');
    return {
      runId: this.#run.ref.runId,
      position,
      epoch,
      rowsWritten,
      restarts: this.#restarts,
      released: release,
    };
  }

  #release(): Promise<void> {
    return this.#run.inStep('release', () => short.releaseStream(this.#call));
  }

  get #call(): { ref: Run['ref']; stream: ChangeStreamInput } {
    return { ref: this.#run.ref, stream: this.#stream };
  }
}
