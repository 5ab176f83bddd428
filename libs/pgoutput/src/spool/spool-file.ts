import { open, rm, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { CodedError } from '@switchyard/contracts';

/** Bytes that are written or read at once; a larger message takes more. A read of the socket is 64 KiB. */
const BUFFER_BYTES = 128 * 1024;
/** Bytes of the length in front of each message. */
const LENGTH_BYTES = 4;

/**
 * The messages of one transaction that the server sends before its end, on disk until its commit. It is read back in this
 * process only, and compared with what was written: a message that is missing or damaged ends the stream, not the row.
 */
export class SpoolFile {
  readonly path: string;
  readonly #aborted = new Set<number>();
  #handle: FileHandle | undefined;
  #pending: Buffer[] = [];
  #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #bytes = 0;
  #crc = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** Adds a message. The buffer must stay as it is until the next {@link flush}. */
  append(message: Buffer): void {
    this.#pending.push(message);
  }

  /** Notes that a subtransaction was rolled back. Its changes stay in the file; who reads it leaves them out. */
  abort(subXid: number): void {
    this.#aborted.add(subXid);
  }

  isAborted(xid: number): boolean {
    return this.#aborted.has(xid);
  }

  /** Writes what was added. */
  async flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    const block = this.#frame();
    try {
      this.#handle ??= await open(this.path, 'wx+', 0o600);
      for (let at = 0; at < block.length;) {
        const { bytesWritten } = await this.#handle.write(block, at, block.length - at, this.#bytes + at);
        at += bytesWritten;
      }
    } catch (error) {
      throw spoolError(this.path, 'be written; make room in that directory', error);
    }
    this.#bytes += block.length;
    this.#crc = crc32(block, this.#crc);
  }

  /**
   * Reads all messages back in order, as many at a time as the buffer holds: they are valid until the next step. The last
   * ones come before the comparison.
   */
  async *read(): AsyncGenerator<{ readonly messages: readonly Buffer[]; readonly bytes: number }> {
    await this.flush();
    let crc = 0;
    let buffer = this.#buffer;
    let filled = 0;
    for (let at = 0; at < this.#bytes;) {
      const needed = filled < LENGTH_BYTES ? 0 : LENGTH_BYTES + buffer.readUInt32BE(0);
      if (needed > buffer.length) {
        const larger = Buffer.allocUnsafe(needed);
        buffer.copy(larger, 0, 0, filled);
        buffer = larger;
      }
      const bytes = await this.#readInto(buffer, filled, at);
      crc = crc32(buffer.subarray(filled, filled + bytes), crc);
      at += bytes;
      filled += bytes;
      const { messages, end } = unframe(buffer.subarray(0, filled));
      yield { messages, bytes };
      buffer.copyWithin(0, end, filled);
      filled -= end;
    }
    if (crc !== this.#crc || filled > 0) throw spoolError(this.path, 'be trusted: it was changed', undefined);
  }

  /** Closes and removes the file, also when it was never written. */
  async remove(): Promise<void> {
    this.#pending = [];
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
    await rm(this.path, { force: true });
  }

  /** Puts each pending message behind its length, in the one buffer of this file: garbage of this size is not collected in time. */
  #frame(): Buffer {
    const size = this.#pending.reduce((sum, { length }) => sum + LENGTH_BYTES + length, 0);
    if (size > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(size);
    let at = 0;
    for (const message of this.#pending) {
      at = this.#buffer.writeUInt32BE(message.length, at);
      at += message.copy(this.#buffer, at);
    }
    this.#pending = [];
    return this.#buffer.subarray(0, size);
  }

  /** Fills a buffer from the file, as far as both go. */
  async #readInto(buffer: Buffer, filled: number, at: number): Promise<number> {
    try {
      const length = Math.min(buffer.length - filled, this.#bytes - at);
      const read = await this.#handle?.read(buffer, filled, length, at);
      if (read !== undefined && read.bytesRead > 0) return read.bytesRead;
    } catch (error) {
      throw spoolError(this.path, 'be read', error);
    }
    throw spoolError(this.path, 'be read: it is shorter than what was written', undefined);
  }
}

/** The whole messages of a buffer, and where the last one ends. */
function unframe(buffer: Buffer): { readonly messages: readonly Buffer[]; readonly end: number } {
  const messages: Buffer[] = [];
  let at = 0;
  while (at + LENGTH_BYTES <= buffer.length) {
    const end = at + LENGTH_BYTES + buffer.readUInt32BE(at);
    if (end > buffer.length) break;
    messages.push(buffer.subarray(at + LENGTH_BYTES, end));
    at = end;
  }
  return { messages, end: at };
}

function spoolError(path: string, problem: string, cause: unknown): CodedError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  return new CodedError(
    'Internal',
    `The file ${path} with a transaction that has not ended cannot ${problem}${code === undefined ? '' : ` (${code})`}. Nothing of it was acknowledged; the next stream gets it again`,
    { cause, details: { path, ...(code === undefined ? {} : { errno: code }) } },
  );
}
