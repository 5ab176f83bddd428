import type { Lsn } from '../lsn.js';
import { tell } from '../tell.js';
import type { StreamListeners } from './listeners.js';
import type { Positions } from './positions.js';
import { statusUpdate } from './wal-frames.js';

/**
 * The server is told no more often than this of what was acknowledged, nor again what it was told: a consumer that acknowledges
 * each transaction, or a server that shuts down and asks after each answer, would cost a packet every time.
 */
const TELL_EVERY_MS = 100;

/** Tells the server the acknowledged position. */
export class StatusReporter {
  readonly #positions: Positions;
  readonly #send: (frame: Buffer) => void;
  readonly #listener: StreamListeners['acknowledged'];
  #told: { readonly lsn: Lsn; readonly at: number } = { lsn: -1n, at: -Infinity };
  #timer: NodeJS.Timeout | undefined;

  constructor(positions: Positions, send: (frame: Buffer) => void, listener: StreamListeners['acknowledged']) {
    this.#positions = positions;
    this.#send = send;
    this.#listener = listener;
  }

  /** Tells it now, whatever it was told; `wantsReply` asks for a sign of life. */
  now(wantsReply = false): void {
    const lsn = this.#positions.acknowledged;
    const isNew = lsn !== this.#told.lsn;
    this.#send(statusUpdate(lsn, { now: Date.now(), wantsReply }));
    this.#told = { lsn, at: performance.now() };
    if (isNew) tell(this.#listener, { lsn });
  }

  /** Tells a new position soon. */
  soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#isNew) this.now();
    }, this.#waitMs);
  }

  /** Answers a server that asks. */
  answer(): void {
    if (this.#isNew || this.#waitMs === 0) this.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  get #isNew(): boolean {
    return this.#positions.acknowledged !== this.#told.lsn;
  }

  get #waitMs(): number {
    return Math.max(0, this.#told.at + TELL_EVERY_MS - performance.now());
  }
}
