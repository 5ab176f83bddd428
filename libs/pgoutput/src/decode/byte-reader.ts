import { MalformedMessageError } from '../errors.js';
import type { Lsn } from '../lsn.js';

/** Reads one message from its first byte to its last; nothing is ever read past the end. */
export class ByteReader {
  readonly #bytes: Buffer;
  readonly #start: number;
  #at: number;

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes;
    this.#start = start;
    this.#at = start;
  }

  byte(): number {
    return this.#bytes[this.#advance(1)] ?? 0;
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#advance(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#advance(4));
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#advance(4));
  }

  lsn(): Lsn {
    return this.#bytes.readBigUInt64BE(this.#advance(8));
  }

  /** A moment, in whole milliseconds since 1970; PostgreSQL counts microseconds since 2000. */
  time(): number {
    return Math.floor(Number(this.#bytes.readBigInt64BE(this.#advance(8))) / 1_000) + POSTGRES_EPOCH_MS;
  }

  /** A text up to its zero byte. */
  name(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end === -1) throw this.malformed('a name has no end');
    const at = this.#advance(end - this.#at + 1);
    return this.#bytes.toString('utf8', at, end);
  }

  /** A text of known length. */
  text(length: number): string {
    const at = this.#advance(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  /** A copy: the bytes themselves belong to the driver, which writes over them. */
  copy(length: number): Buffer {
    const at = this.#advance(length);
    return Buffer.from(this.#bytes.subarray(at, at + length));
  }

  /** Refuses bytes that nobody read: they mean that the message was not understood. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw this.malformed(`${this.#bytes.length - this.#at} bytes are left over`);
  }

  malformed(problem: string): MalformedMessageError {
    const tag = this.#bytes[this.#start];
    return new MalformedMessageError(problem, {
      message: tag === undefined ? '' : String.fromCharCode(tag),
      length: this.#bytes.length - this.#start,
      offset: this.#at - this.#start,
    });
  }

  #advance(length: number): number {
    const at = this.#at;
    if (length < 0 || at + length > this.#bytes.length) {
      throw this.malformed(`${length} bytes are announced and ${this.#bytes.length - at} are there`);
    }
    this.#at = at + length;
    return at;
  }
}

/** Midnight of 2000-01-01 in UTC. */
export const POSTGRES_EPOCH_MS = 946_684_800_000;
