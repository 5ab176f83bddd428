import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, type StreamMode } from '@switchyard/contracts';
import { emitBarrier, hasPassed } from '@switchyard/schema-change';
import { z } from 'zod';
import type { ChangeSession } from './session.js';
import { STREAM_WRITER, streamProgressOf } from './stream-progress.js';

/** Options of {@link passBarrier}. */
export interface BarrierOptions {
  /** The id of the change. */
  readonly change: string;
  readonly messagePrefix: string;
  /** Only a stream in this mode counts; default: any. */
  readonly mode?: StreamMode;
  /** Milliseconds until it is given up. */
  readonly withinMs: number;
  readonly signal: AbortSignal;
  /** Told how far the stream is, for progress; at most every second. */
  readonly onWait?: (seen: BarrierWait) => void;
}

/** How far a stream is from a barrier. */
export interface BarrierWait {
  readonly barrier: string;
  /** Position that is applied; null: nothing. */
  readonly applied: string | null;
  readonly waitedMs: number;
}

/** A barrier that was passed: everything that had committed before `emittedAt` is applied. */
export interface PassedBarrier {
  /** Position of its message, `X/Y`. */
  readonly lsn: string;
  /** By the clock of the database. */
  readonly emittedAt: string;
  readonly waitedMs: number;
}

const look = z.object({
  passed: z.boolean(),
  applied: z.string().nullable(),
  epoch: z.string(),
  progress: z.record(z.string(), z.unknown()),
});

const FIRST_LOOK_MS = 2;
const LONGEST_PAUSE_MS = 100;
const TELL_EVERY_MS = 1_000;
/**
 * A message that was sent before the slot began is never read. Where nobody else writes, nothing later would carry the
 * stream past it, so another one follows.
 */
const SEND_AGAIN_MS = 1_000;

/**
 * Sends a message through the log and waits until the stream has committed past it. The message is written after
 * everything that had committed when it was sent, so all of that is applied then. Lag alone would not tell: a stream
 * that stands still has none.
 * @throws GateFailed when the stream does not get there in time
 */
export async function passBarrier(session: ChangeSession, options: BarrierOptions): Promise<PassedBarrier> {
  const { change, mode, signal } = options;
  const startedAt = performance.now();
  const [sent] = await session.rows(z.object({ lsn: z.string() }), emitBarrier(options.messagePrefix, 'barrier'));
  const [clock] = await session.rows(z.object({ at: z.string() }), {
    text: 'select clock_timestamp()::text as at',
    values: [],
  });
  if (!sent || !clock) throw new Error('a barrier gave no position');
  let told = startedAt;
  let sentAt = startedAt;
  for (let pause = FIRST_LOOK_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const [stream] = await session.rows(look, hasPassed({ change, writer: STREAM_WRITER }, sent.lsn));
    const waitedMs = performance.now() - startedAt;
    const applied = stream?.applied ?? null;
    if (stream?.passed === true && isInMode(stream, mode)) return { lsn: sent.lsn, emittedAt: clock.at, waitedMs };
    if (waitedMs > options.withinMs) throw notPassed(sent.lsn, applied, waitedMs, stream !== undefined);
    if (performance.now() - told > TELL_EVERY_MS) {
      told = performance.now();
      options.onWait?.({ barrier: sent.lsn, applied, waitedMs });
    }
    if (performance.now() - sentAt > SEND_AGAIN_MS) {
      sentAt = performance.now();
      // oxlint-disable-next-line no-await-in-loop -- one message after the other
      await session.rows(z.object({ lsn: z.string() }), emitBarrier(options.messagePrefix, 'barrier'));
    }
    // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
    await sleep(pause, undefined, { signal });
  }
}

function isInMode(
  stream: { readonly epoch: string; readonly progress: Readonly<Record<string, unknown>> },
  mode?: StreamMode,
): boolean {
  if (!mode) return true;
  const progress = streamProgressOf(stream.progress);
  return (
    progress?.epoch === stream.epoch &&
    progress.mode.direction === mode.direction &&
    progress.mode.relation === mode.relation
  );
}

function notPassed(barrier: string, applied: string | null, waitedMs: number, hasStream: boolean): CodedError {
  const seconds = (waitedMs / 1000).toFixed(1);
  const where = !hasStream ? 'there is no stream' : `the stream has applied up to ${applied ?? 'nothing yet'}`;
  return new CodedError(
    'GateFailed',
    `the barrier at ${barrier} was not passed within ${seconds} s: ${where}; look at the run of the stream`,
    { details: { barrier, applied, waitedMs: Math.round(waitedMs) }, retryable: true },
  );
}
