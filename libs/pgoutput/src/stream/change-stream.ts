import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@switchyard/contracts';
import type { Session } from '@switchyard/shared-db';
import { publicationMissing, toStreamError } from '../errors.js';
import type { StreamEvent } from '../events/stream-event.js';
import type { Lsn } from '../lsn.js';
import type { Spools } from '../spool/spools.js';
import { tell } from '../tell.js';
import { startCopyBoth, type CopyBoth } from './copy-both.js';
import { DeliveryQueue } from './delivery-queue.js';
import { Intake } from './intake.js';
import type { StreamListeners } from './listeners.js';
import { Positions } from './positions.js';
import { StatusReporter } from './status-reporter.js';
import { walEndOf, type KeepAlive } from './wal-frames.js';

/**
 * The changes of one slot, in commit order. Each step of the iteration gives the events that came with one read of the
 * socket. It ends with `close()`, and rejects once, with a CodedError, when anything else ended it.
 */
export interface ChangeStream extends AsyncIterableIterator<readonly StreamEvent[]>, AsyncDisposable {
  /** Whether the server leaves out transactions with an origin: asked for by `withoutOrigins`, possible from 16 on. */
  readonly filtersOrigins: boolean;
  /**
   * Says that everything up to a position is applied and stored: the `endLsn` of a commit, the `lsn` of an idle event. The
   * server never sends it again and removes its log. A position that is not ahead of the last one does nothing, and so does
   * any after the end. InvalidInput for a position that was not delivered yet.
   */
  acknowledge(lsn: Lsn): void;
  /** Tells the server the acknowledged position, ends the copy in order, and leaves nothing behind. */
  close(): Promise<void>;
}

/** What {@link runStream} needs; the public options are those of `openChangeStream`. */
export interface RunOptions {
  readonly session: Session;
  readonly command: string;
  readonly slot: string;
  readonly applied: Lsn;
  readonly spools: Spools | undefined;
  readonly filtersOrigins: boolean;
  readonly statusEveryMs: number;
  readonly silenceMs: number;
  readonly closeMs: number;
  readonly bufferBytes: number;
  readonly idleBytes: number;
  readonly listeners: StreamListeners;
  readonly signal: AbortSignal | undefined;
}

/** Starts the copy on a prepared session. The stream ends the session; when this rejects, the caller does. */
export async function runStream(options: RunOptions): Promise<ChangeStream> {
  const stream = new RunningStream(options);
  await stream.start();
  return stream;
}

class RunningStream implements ChangeStream {
  readonly filtersOrigins: boolean;
  readonly #options: RunOptions;
  readonly #positions: Positions;
  readonly #queue: DeliveryQueue;
  readonly #intake: Intake;
  readonly #status: StatusReporter;
  readonly #onAbort = (): void => void this.#finish({ error: this.#options.signal?.reason, inOrder: true });
  #copy: CopyBoth | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ending: Promise<void> | undefined;
  /** A read whose frames are not all taken in yet; the socket is not read meanwhile. */
  #working: Promise<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #pausedAt: number | undefined;
  #heardAt = performance.now();
  #counted = 0;

  constructor(options: RunOptions) {
    this.#options = options;
    this.filtersOrigins = options.filtersOrigins;
    this.#positions = new Positions(options.applied);
    this.#status = new StatusReporter(
      this.#positions,
      (frame) => this.#copy?.send(frame),
      options.listeners.acknowledged,
    );
    this.#queue = new DeliveryQueue(options.bufferBytes, () => this.#onRoom());
    this.#intake = new Intake(
      {
        deliver: (delivery) => this.#queue.push(delivery),
        room: () => this.#waitForRoom(),
        isOver: () => this.#ending !== undefined,
        committed: (endLsn) => this.#positions.committed(endLsn),
        keepAlive: (keepAlive, isQuiet) => this.#onKeepAlive(keepAlive, isQuiet),
      },
      options.spools,
    );
  }

  async start(): Promise<void> {
    const { session, command, spools, signal, statusEveryMs } = this.#options;
    this.#copy = await startCopyBoth(session, command, {
      onRead: (frames) => this.#onRead(frames),
      onNotice: (notice) => this.#onNotice(notice),
      onEnd: (error) => void this.#fail(toStreamError(error, this.#options.slot)),
    });
    // Only now the slot is ours, and so are the files that an earlier reader of it left.
    await spools?.prepare();
    if (this.#ending) return;
    this.#timer = setInterval(() => this.#tick(), statusEveryMs);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (signal?.aborted) this.#onAbort();
    this.#status.now();
    this.#resumeIfPossible();
  }

  async next(): Promise<IteratorResult<readonly StreamEvent[], undefined>> {
    const delivery = await this.#queue.next();
    if (delivery === undefined) return { done: true, value: undefined };
    if (delivery.endLsn !== undefined) this.#positions.handedOut(delivery.endLsn);
    return { done: false, value: delivery.events };
  }

  async return(): Promise<IteratorResult<readonly StreamEvent[], undefined>> {
    await this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  acknowledge(lsn: Lsn): void {
    if (this.#positions.acknowledge(lsn) && !this.#ending) this.#status.soon();
  }

  close(): Promise<void> {
    return this.#finish({ error: undefined, inOrder: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #onRead(frames: readonly Buffer[]): void {
    this.#heardAt = performance.now();
    const last = frames.at(-1);
    if (last === undefined || this.#ending) return;
    try {
      const working = this.#intake.read(frames);
      if (working) this.#waitForWork(working);
      this.#tellReceived(frames, walEndOf(last));
    } catch (error) {
      void this.#fail(error);
    }
    if (this.#working === undefined && this.#queue.isFull) this.#pause();
  }

  #tellReceived(frames: readonly Buffer[], lsn: Lsn): void {
    const { received } = this.#options.listeners;
    if (received === undefined) return;
    const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
    // Those that came from a file since the last read are counted here as well.
    const { transactions } = this.#intake;
    tell(received, { bytes, messages: frames.length, transactions: transactions - this.#counted, lsn });
    this.#counted = transactions;
  }

  /** The socket is not read while the disk or the consumer is waited for: the frames are the driver's memory. */
  #waitForWork(working: Promise<void>): void {
    this.#copy?.pause();
    this.#working = working
      .catch((error: unknown) => {
        // Not awaited: the end waits for this work.
        void this.#fail(error);
      })
      .finally(() => {
        this.#working = undefined;
        this.#resumeIfPossible();
      });
  }

  #pause(): void {
    this.#copy?.pause();
    if (this.#pausedAt !== undefined) return;
    this.#pausedAt = performance.now();
    tell(this.#options.listeners.paused, { bufferedBytes: this.#queue.bytes });
  }

  #resumeIfPossible(): void {
    if (this.#working !== undefined || this.#ending) return;
    if (this.#queue.isFull) return this.#pause();
    this.#heardAt = performance.now();
    this.#copy?.resume();
  }

  #onRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
    if (this.#pausedAt === undefined) return;
    tell(this.#options.listeners.resumed, { pausedMs: performance.now() - this.#pausedAt });
    this.#pausedAt = undefined;
    this.#resumeIfPossible();
  }

  /** A transaction that comes from its file stops here until the consumer has taken enough of it. */
  #waitForRoom(): Promise<void> | undefined {
    if (this.#ending) return Promise.reject(new CodedError('Cancelled', 'The stream ended'));
    if (!this.#queue.isFull) return undefined;
    this.#room = Promise.withResolvers<void>();
    this.#pause();
    return this.#room.promise;
  }

  #onKeepAlive({ walEnd, wantsReply }: KeepAlive, isQuiet: boolean): void {
    if (isQuiet) this.#positions.quiet(walEnd);
    if (!wantsReply) return;
    this.#status.answer();
    // A server that shuts down waits until we have acknowledged all of its log.
    if (isQuiet) this.#offerIdle(1);
  }

  #offerIdle(bytes: number): void {
    const lsn = this.#positions.offer(BigInt(bytes));
    if (lsn !== undefined) this.#queue.push({ events: [{ kind: 'idle', lsn }], bytes: 0, endLsn: lsn });
  }

  /** A server from 18 on goes on without a publication that it does not find, and only warns. */
  #onNotice({ code }: { readonly code?: string | undefined }): void {
    if (code === '55000') void this.#fail(publicationMissing(this.#options.slot));
  }

  #tick(): void {
    const { silenceMs, statusEveryMs, idleBytes, slot } = this.#options;
    const isReading = this.#working === undefined && this.#pausedAt === undefined;
    const silentMs = performance.now() - this.#heardAt;
    if (isReading && silentMs >= silenceMs) {
      const seconds = Math.round(silentMs / 1_000);
      const message = `The server of slot ${slot} did not answer for ${seconds} s; open the stream again`;
      return void this.#fail(new CodedError('DatabaseUnreachable', message));
    }
    this.#status.now(isReading && silentMs >= statusEveryMs);
    if (this.#intake.isQuiet) this.#offerIdle(idleBytes);
  }

  #fail(error: unknown): Promise<void> {
    return this.#finish({ error, inOrder: false });
  }

  /** The first cause of the end wins; whoever comes later waits for the same end. */
  #finish(cause: { readonly error: unknown; readonly inOrder: boolean }): Promise<void> {
    this.#ending ??= this.#end(cause);
    return this.#ending;
  }

  async #end({ error, inOrder }: { readonly error: unknown; readonly inOrder: boolean }): Promise<void> {
    const { session, signal, spools, closeMs } = this.#options;
    clearInterval(this.#timer);
    this.#status.stop();
    signal?.removeEventListener('abort', this.#onAbort);
    this.#room?.reject(new CodedError('Cancelled', 'The stream ended'));
    if (inOrder && this.#copy !== undefined) {
      this.#status.now();
      // A server in the middle of a large transaction sends all of it first; nobody needs that.
      await within(
        closeMs,
        this.#copy.finish().then(() => session.end()),
      );
    }
    session.connection.stream.destroy();
    await this.#working;
    await spools?.removeAll().catch(() => undefined);
    this.#queue.end(error, { discard: inOrder });
  }
}

/** Waits for the work, but not longer. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined);
  await Promise.race([work.catch(() => undefined), late]);
  timer.abort();
}
