import { formatDuration } from '@switchyard/contracts';
import type { InventoryOutput } from './inventory-output.js';

/** Two minutes, of the five that the activity has beside the process. */
const MOST_MS = 120_000;

/** The waits that servers ask for by Retry-After while one inventory is fetched: all pages of all servers share them. */
export class AskedWaits {
  readonly #output: InventoryOutput;
  readonly #mostMs: number;
  #leftMs: number;

  /** @param mostMs milliseconds of all waits together; default two minutes */
  constructor(output: InventoryOutput, mostMs = MOST_MS) {
    this.#output = output;
    this.#mostMs = mostMs;
    this.#leftMs = mostMs;
  }

  /** Takes a wait out of what is left, and tells it. False, and nothing is taken, when it is longer than that. */
  async grant(host: string, reason: string, ms: number): Promise<boolean> {
    if (ms > this.#leftMs) return false;
    this.#leftMs -= ms;
    const message = `inventory: the CMDB at ${host} ${reason}: it is asked again in ${formatDuration(ms)}`;
    await this.#output.say('inventory_waits', message, { level: 'warning', data: { retryAfterMs: ms } });
    return true;
  }

  /** Why a wait was refused, to go on "answered 429 ". */
  get refusal(): string {
    return `and asks for a longer wait than what is left of the ${formatDuration(this.#mostMs)} for waits of an inventory`;
  }
}
