import { CodedError } from '@switchyard/contracts';
import { formatLsn, type Lsn } from '../lsn.js';

/**
 * Which position may be told to the server. Two rules: only what the consumer said is applied counts; and a position
 * without a change of ours is offered only while every transaction that came was acknowledged and none is under way.
 */
export class Positions {
  #acknowledged: Lsn;
  #handedOut: Lsn;
  #transactionEnd: Lsn;
  #quietUpTo: Lsn;
  #offered: Lsn;

  constructor(applied: Lsn) {
    this.#acknowledged = applied;
    this.#handedOut = applied;
    this.#transactionEnd = applied;
    this.#quietUpTo = applied;
    this.#offered = applied;
  }

  /** What status updates say. */
  get acknowledged(): Lsn {
    return this.#acknowledged;
  }

  /** A whole transaction came; it ends here. */
  committed(endLsn: Lsn): void {
    this.#transactionEnd = endLsn;
  }

  /** The server has read up to here, and sent everything of it that is ours: no transaction was under way. */
  quiet(walEnd: Lsn): void {
    if (walEnd > this.#quietUpTo) this.#quietUpTo = walEnd;
  }

  /** The consumer was given everything up to here. */
  handedOut(lsn: Lsn): void {
    if (lsn > this.#handedOut) this.#handedOut = lsn;
  }

  /** Takes the consumer's word. Gives whether the position moved; it never moves back. Throws for what it was not given. */
  acknowledge(lsn: Lsn): boolean {
    if (lsn > this.#handedOut) {
      throw new CodedError(
        'InvalidInput',
        `The position ${formatLsn(lsn)} was not delivered yet; the last one that was is ${formatLsn(this.#handedOut)}`,
      );
    }
    if (lsn <= this.#acknowledged) return false;
    this.#acknowledged = lsn;
    return true;
  }

  /** The position to offer to the consumer when it is at least `bytes` ahead of what it knows; each only once. */
  offer(bytes: bigint): Lsn | undefined {
    if (this.#transactionEnd > this.#acknowledged) return undefined;
    const known = this.#offered > this.#acknowledged ? this.#offered : this.#acknowledged;
    if (this.#quietUpTo - known < bytes) return undefined;
    this.#offered = this.#quietUpTo;
    return this.#quietUpTo;
  }
}
