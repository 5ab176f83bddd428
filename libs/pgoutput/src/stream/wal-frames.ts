import { POSTGRES_EPOCH_MS } from '../decode/byte-reader.js';
import { MalformedMessageError } from '../errors.js';
import type { Lsn } from '../lsn.js';

/** Where the message of pgoutput begins in a frame of data: after its kind, start, end of the log, and time. */
export const PAYLOAD_AT = 25;

/** A keep-alive of the server: how far it has read, and whether it wants an answer now. */
export interface KeepAlive {
  readonly walEnd: Lsn;
  readonly wantsReply: boolean;
}

/** Reads a frame that is a keep-alive; undefined for one of data. Throws for anything else. */
export function readKeepAlive(frame: Buffer): KeepAlive | undefined {
  if (frame[0] === 0x77 /* w */ && frame.length > PAYLOAD_AT) return undefined;
  if (frame[0] !== 0x6b /* k */ || frame.length !== 18) {
    const message = frame[0] === undefined ? '' : String.fromCharCode(frame[0]);
    throw new MalformedMessageError('it is neither data nor a keep-alive', { message });
  }
  return { walEnd: frame.readBigUInt64BE(1), wantsReply: frame[17] === 1 };
}

/** How far the server had read the log when it sent a frame. */
export function walEndOf(frame: Buffer): Lsn {
  return frame.readBigUInt64BE(frame[0] === 0x77 ? 9 : 1);
}

/** A status update: what is written, flushed and applied is one position here, since only applied means anything to us. */
export function statusUpdate(applied: Lsn, { now, wantsReply }: { now: number; wantsReply: boolean }): Buffer {
  const update = Buffer.alloc(34);
  update[0] = 0x72; // r
  for (const at of [1, 9, 17]) update.writeBigUInt64BE(applied, at);
  update.writeBigInt64BE(BigInt(Math.round((now - POSTGRES_EPOCH_MS) * 1_000)), 25);
  update[33] = wantsReply ? 1 : 0;
  return update;
}
