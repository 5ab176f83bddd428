import { decodeMessage, endsBlock, isSchemaMessage, streamedXid } from '../decode/decode-message.js';
import type { StreamCommitMessage } from '../decode/messages.js';
import { Assembler } from '../events/assembler.js';
import type { StreamEvent } from '../events/stream-event.js';
import type { Lsn } from '../lsn.js';
import type { SpoolFile } from '../spool/spool-file.js';
import type { Spools } from '../spool/spools.js';
import type { Delivery } from './delivery-queue.js';
import { PAYLOAD_AT, readKeepAlive, type KeepAlive } from './wal-frames.js';

/** Where the intake puts what it has made. */
export interface IntakeSink {
  readonly deliver: (delivery: Delivery) => void;
  /** Settles when there is room for more; undefined when there is. Rejects when the stream ended meanwhile. */
  readonly room: () => Promise<void> | undefined;
  /** Whether the stream ended: nothing that is left of a read is valid then. */
  readonly isOver: () => boolean;
  readonly committed: (endLsn: Lsn) => void;
  /** A keep-alive came; `isQuiet`: no transaction was under way. */
  readonly keepAlive: (keepAlive: KeepAlive, isQuiet: boolean) => void;
}

/** What an event is taken to hold beside the bytes that it came from: objects and the heads of its texts. */
const EVENT_BYTES = 256;

/** Makes deliveries of the frames that the server sends, in their order. */
export class Intake {
  readonly #sink: IntakeSink;
  readonly #spools: Spools | undefined;
  readonly #assembler: Assembler;
  #events: StreamEvent[] = [];
  #endLsn: Lsn | undefined;
  /** The transaction of the streamed block that is open. */
  #block: SpoolFile | undefined;
  #transactions = 0;

  constructor(sink: IntakeSink, spools: Spools | undefined) {
    this.#sink = sink;
    this.#spools = spools;
    this.#assembler = new Assembler((event) => this.#take(event));
  }

  /** Whole transactions so far. */
  get transactions(): number {
    return this.#transactions;
  }

  /** Whether no transaction is under way, neither between begin and commit nor in a spool. */
  get isQuiet(): boolean {
    return !this.#assembler.isInTransaction && this.#block === undefined && (this.#spools?.size ?? 0) === 0;
  }

  /**
   * Takes the frames of one read. Gives a promise when it has to wait for the disk or for room; until that settles the
   * frames must stay as they are and no other read may come. Decoding never waits, so most reads are done on return.
   */
  read(frames: readonly Buffer[]): Promise<void> | undefined {
    let bytes = 0;
    for (const [i, frame] of frames.entries()) {
      bytes += frame.length;
      const waiting = this.#frame(frame);
      if (waiting) return this.#readRest(waiting, frames, i + 1);
    }
    this.#deliver(bytes);
    return (this.#spools?.size ?? 0) > 0 ? this.#spools?.flush() : undefined;
  }

  async #readRest(waiting: Promise<void>, frames: readonly Buffer[], from: number): Promise<void> {
    await waiting;
    if (!this.#sink.isOver()) await this.read(frames.slice(from));
  }

  #frame(frame: Buffer): Promise<void> | undefined {
    const keepAlive = readKeepAlive(frame);
    if (keepAlive !== undefined) {
      // What came before it first: a position that the sink offers now must not overtake a message.
      this.#deliver(0);
      this.#sink.keepAlive(keepAlive, this.isQuiet);
      return undefined;
    }
    if (this.#block !== undefined) {
      if (endsBlock(frame, PAYLOAD_AT)) this.#block = undefined;
      else this.#block.append(frame.subarray(PAYLOAD_AT));
      return undefined;
    }
    const message = decodeMessage(frame, PAYLOAD_AT);
    if (this.#spools !== undefined) {
      if (message.kind === 'streamStart') {
        this.#block = this.#spools.block(message.xid, message.isFirst);
        return undefined;
      }
      if (message.kind === 'streamCommit') return this.#replay(message, this.#spools);
      if (message.kind === 'streamAbort') return this.#spools.abort(message.xid, message.subXid);
    }
    this.#assembler.take(message);
    return undefined;
  }

  /** Gives a transaction from its file, as if the server had sent it only now. */
  async #replay({ xid, commitLsn, endLsn, committedAt }: StreamCommitMessage, spools: Spools): Promise<void> {
    const spool = spools.committed(xid);
    this.#assembler.begin({ xid, commitLsn, committedAt }, undefined);
    for await (const { messages, bytes } of spool.read()) {
      for (const message of messages) {
        const owner = streamedXid(message);
        // A table is described once for the whole transaction, even where the part that met it first was rolled back.
        if (owner !== undefined && spool.isAborted(owner) && !isSchemaMessage(message)) continue;
        this.#assembler.take(decodeMessage(message, 0, true));
      }
      this.#deliver(bytes);
      await this.#sink.room();
    }
    await spools.remove(xid);
    this.#assembler.commit({ commitLsn, endLsn });
  }

  #take(event: StreamEvent): void {
    this.#events.push(event);
    if (event.kind === 'commit') {
      this.#transactions += 1;
      this.#endLsn = event.endLsn;
      this.#sink.committed(event.endLsn);
    } else if (event.kind === 'message' && !event.isTransactional) this.#endLsn = event.lsn;
  }

  #deliver(bytes: number): void {
    if (this.#events.length === 0) return;
    const events = this.#events;
    const endLsn = this.#endLsn;
    this.#events = [];
    this.#endLsn = undefined;
    this.#sink.deliver({ events, bytes: bytes + events.length * EVENT_BYTES, endLsn });
  }
}
