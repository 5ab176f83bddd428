import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, type NewEventInput } from '@switchyard/contracts';
import { sqlState, type Db } from '../sql.js';
import { appendEncoded } from './append.js';
import { encodeEvent, type EncodedEvent } from './encode.js';

/** Options of {@link createEventWriter}. */
export interface EventWriterOptions {
  /** Milliseconds that an event waits for company; in a stream of events twice as long. Default 100. */
  readonly flushMs?: number;
  /** Most events in one statement; reaching it flushes at once. Default 500. */
  readonly maxBatch?: number;
  /** Events in memory from which on `write` waits. Default 10,000. */
  readonly maxBuffered?: number;
  /** Characters of JSON in memory from which on `write` waits. Default 32 Mi. */
  readonly maxBufferedSize?: number;
  /** Milliseconds after which a statement without an answer is sent again, which is harmless. Default 30,000. */
  readonly attemptTimeoutMs?: number;
  /** Told of each failed attempt; the writer goes on trying. For a log line. */
  readonly onRetry?: (trouble: { readonly error: unknown; readonly attempt: number; readonly events: number }) => void;
  /** Told of an event that the database refused for what is in it. Default: it is only counted by `close`. */
  readonly onRefused?: (refused: UnstoredEvent) => void;
}

/** An event that did not get into the store, and why. */
export interface UnstoredEvent {
  readonly event: NewEventInput;
  readonly reason: string;
}

/** What {@link EventWriter.close} reports. */
export interface WriterReport {
  /** Events stored by this writer. */
  readonly stored: number;
  /** What could not be stored, for the caller to print. The answer for up to `maxBatch` of them may only have been lost. */
  readonly unstored: readonly UnstoredEvent[];
}

/** Collects events and stores them in batches, in the order of `write`, trying again while the database is away. */
export interface EventWriter {
  /**
   * Takes an event. Resolves at once while there is room, else when there is again: a writer that awaits it cannot
   * fill the memory.
   * @throws CodedError InvalidInput for an event that does not fit, or Cancelled after `close`
   */
  write(event: NewEventInput): Promise<void>;
  /** Resolves when everything written before is stored (or refused). Waits as long as the database is away. */
  flush(): Promise<void>;
  /** Takes no more events, stores what is left, and reports. Milliseconds by default 5,000; a second call gives the same report. */
  close(options?: { readonly deadlineMs?: number }): Promise<WriterReport>;
}

/** An event in memory, with what the caller gave for the report. */
interface Held {
  readonly encoded: EncodedEvent;
  readonly event: NewEventInput;
}

interface Waiter {
  /** Called when this many events have been settled. */
  readonly at: number;
  readonly done: () => void;
}

/** Pauses between attempts in milliseconds: doubled from first to most, each with jitter. */
const RETRY_MS = { first: 100, most: 5_000 } as const;

/** Events that come within these milliseconds of a stored batch are a stream. */
const STREAM_MS = 1_000;

/** Most characters of JSON in one statement. */
const MAX_BATCH_SIZE = 4 * 1024 * 1024;

/** Starts a writer. One per worker is enough: a batch may hold events of many runs. */
export function createEventWriter(db: Db, options: EventWriterOptions = {}): EventWriter {
  const { flushMs = 100, maxBatch = 500, maxBuffered = 10_000, maxBufferedSize = 32 * 1024 * 1024 } = options;
  const { attemptTimeoutMs = 30_000, onRetry, onRefused } = options;

  const queue: Held[] = [];
  const unstored: UnstoredEvent[] = [];
  const stop = new AbortController();
  let queuedSize = 0;
  let accepted = 0;
  let settled = 0;
  let stored = 0;
  let room: (() => void)[] = [];
  let flushes: Waiter[] = [];
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;
  let storedAt = -Infinity;
  let closing: Promise<WriterReport> | undefined;

  const isFull = (): boolean => accepted - settled >= maxBuffered || queuedSize >= maxBufferedSize;

  /** Whether the next statement must not wait: it is full, or somebody waits for it. */
  const isPressing = (): boolean =>
    flushes.length > 0 || isFull() || queue.length >= maxBatch || queuedSize >= MAX_BATCH_SIZE;

  const schedule = (): void => {
    if (isRunning || queue.length === 0) return;
    const isStream = performance.now() - storedAt < STREAM_MS;
    const delayMs = isPressing() ? 0 : flushMs * (isStream ? 2 : 1);
    if (delayMs === 0) {
      clearTimeout(timer);
      timer = undefined;
      void drain();
      return;
    }
    timer ??= setTimeout(() => {
      timer = undefined;
      void drain();
    }, delayMs);
  };

  /** Stores what is queued, one batch at a time, so that the order of events is kept. */
  const drain = async (): Promise<void> => {
    if (isRunning) return;
    isRunning = true;
    while (queue.length > 0 && !stop.signal.aborted) {
      await store(takeBatch());
      storedAt = performance.now();
      if (!isPressing()) break;
    }
    isRunning = false;
    // What came meanwhile waits for company, too: else a stream would have a statement for every two or three events.
    if (!stop.signal.aborted) schedule();
  };

  const takeBatch = (): Held[] => {
    let size = 0;
    let length = 0;
    for (const held of queue) {
      if (length === maxBatch || (length > 0 && size + held.encoded.size > MAX_BATCH_SIZE)) break;
      size += held.encoded.size;
      length++;
    }
    return queue.splice(0, length);
  };

  /** Stores a batch, however long it takes; ends early only when the writer is stopped. */
  const store = async (batch: readonly Held[]): Promise<void> => {
    const batchId = randomUUID();
    for (let attempt = 1; ; attempt++) {
      if (stop.signal.aborted) return settle(batch, `not stored before the deadline: ${textOf(stop.signal.reason)}`);
      try {
        await limited(
          appendEncoded(db, { batchId, events: batch.map((h) => h.encoded) }),
          attemptTimeoutMs,
          stop.signal,
        );
        return settle(batch, undefined);
      } catch (error) {
        if (stop.signal.aborted) continue;
        if (isRefusal(error)) {
          const [only] = batch;
          if (batch.length === 1 && only) return settle(batch, textOf(error));
          // One bad event must not hold up the others for ever: halves are stored apart until it stands alone.
          const middle = Math.ceil(batch.length / 2);
          await store(batch.slice(0, middle));
          return store(batch.slice(middle));
        }
        tell(onRetry, { error, attempt, events: batch.length });
        const pause = Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
        await sleep(pause, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    }
  };

  const settle = (batch: readonly Held[], reason: string | undefined): void => {
    settled += batch.length;
    for (const held of batch) {
      queuedSize -= held.encoded.size;
      if (reason === undefined) stored++;
      else {
        const refused = { event: held.event, reason };
        unstored.push(refused);
        if (!stop.signal.aborted) tell(onRefused, refused);
      }
    }
    if (!isFull()) {
      for (const go of room.splice(0)) go();
    }
    for (const waiter of flushes.filter((w) => w.at <= settled)) waiter.done();
    flushes = flushes.filter((w) => w.at > settled);
  };

  const flush = async (): Promise<void> => {
    const at = accepted;
    if (settled >= at) return;
    await new Promise<void>((done) => {
      flushes.push({ at, done });
      schedule();
    });
  };

  const finish = async (deadlineMs: number): Promise<WriterReport> => {
    const deadline = setTimeout(() => stop.abort(new Error(`${deadlineMs} ms have passed`)), deadlineMs);
    const aborted = new Promise<void>((resolve) => {
      stop.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([flush(), aborted]);
    clearTimeout(deadline);
    clearTimeout(timer);
    if (stop.signal.aborted) {
      // The batch under way settles itself as soon as it sees the signal; what was never sent is reported here.
      settle(queue.splice(0), `not stored before the deadline: ${textOf(stop.signal.reason)}`);
      if (settled < accepted) await new Promise<void>((done) => flushes.push({ at: accepted, done }));
    }
    for (const go of room.splice(0)) go();
    return { stored, unstored };
  };

  return {
    async write(event) {
      if (closing)
        throw new CodedError('Cancelled', 'the event writer is closed: events are written before close() only');
      const encoded = encodeEvent(event);
      queue.push({ encoded, event });
      accepted++;
      queuedSize += encoded.size;
      schedule();
      if (isFull()) await new Promise<void>((go) => room.push(go));
    },
    flush,
    close({ deadlineMs = 5_000 } = {}) {
      closing ??= finish(deadlineMs);
      return closing;
    },
  };
}

/** Calls a listener; its own failure must not end the writing. */
function tell<T>(listener: ((value: T) => void) | undefined, value: T): void {
  try {
    listener?.(value);
  } catch {
    // The listener is for log lines, and the writer has nobody else to tell.
  }
}

/** Whether the database refused the data itself, so that sending it again cannot help. */
function isRefusal(error: unknown): boolean {
  // data_exception, integrity_constraint_violation, program_limit_exceeded
  return ['22', '23', '54'].includes(sqlState(error)?.slice(0, 2) ?? '');
}

/** Rejects when a promise takes longer or the signal aborts. The promise itself goes on, and its end is ignored. */
async function limited<T>(promise: Promise<T>, ms: number, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const ending = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the database did not answer within ${ms} ms`)), ms);
    onAbort = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, ending]);
  } finally {
    clearTimeout(timer);
    if (onAbort) signal.removeEventListener('abort', onAbort);
  }
}

/** The server's words without the statement, which Knex puts in front and which may hold values. */
function textOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.slice(message.lastIndexOf(' - ') + (message.includes(' - ') ? 3 : 0)).slice(0, 500);
}
