import type { StreamEvent } from '../events/stream-event.js';
import type { Lsn } from '../lsn.js';

/** Events that were taken in together, most often by one read of the socket. */
export interface Delivery {
  readonly events: readonly StreamEvent[];
  /** What they count for in the budget. */
  readonly bytes: number;
  /** The highest position among them that can be acknowledged; undefined without one. */
  readonly endLsn: Lsn | undefined;
}

type Next = Delivery | undefined;

/** What was taken in and not asked for yet, counted in bytes. It refuses nothing: whoever fills it has to look at `isFull`. */
export class DeliveryQueue {
  readonly #budget: number;
  readonly #onRoom: () => void;
  #deliveries: Delivery[] = [];
  #waiting: PromiseWithResolvers<Next>[] = [];
  #bytes = 0;
  #end: { readonly error: unknown } | undefined;

  /** `onRoom` is called when a queue that was full is half empty again. */
  constructor(budget: number, onRoom: () => void) {
    this.#budget = budget;
    this.#onRoom = onRoom;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#budget;
  }

  push(delivery: Delivery): void {
    if (this.#end !== undefined) return;
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) return waiter.resolve(delivery);
    this.#deliveries.push(delivery);
    this.#bytes += delivery.bytes;
  }

  /** The next delivery; undefined after the end. Rejects with the error that ended the stream, once everything before was given. */
  next(): Promise<Next> {
    const delivery = this.#deliveries.shift();
    if (delivery !== undefined) {
      const before = this.#bytes;
      this.#bytes -= delivery.bytes;
      const half = this.#budget / 2;
      if (before >= half && this.#bytes < half) this.#onRoom();
      return Promise.resolve(delivery);
    }
    if (this.#end !== undefined) return this.#answer(this.#end);
    const waiter = Promise.withResolvers<Next>();
    this.#waiting.push(waiter);
    return waiter.promise;
  }

  /** Ends the queue; with an error, next() rejects. `discard` drops what nobody asked for. */
  end(error: unknown, { discard }: { readonly discard: boolean }): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    if (discard) {
      this.#deliveries = [];
      this.#bytes = 0;
    }
    for (const { resolve } of this.#waiting) resolve(this.#answer(this.#end));
    this.#waiting = [];
  }

  #answer({ error }: { readonly error: unknown }): Promise<Next> {
    return error === undefined ? Promise.resolve(undefined) : Promise.reject(error);
  }
}
