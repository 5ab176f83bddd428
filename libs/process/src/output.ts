import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLineSplitter, type SplitLine } from './line-splitter.js';
import type { Masker } from './masker.js';

/** What takes the chunks of a stream. A promise that `push` returns pauses reading. */
export interface ChunkSink {
  push(chunk: Buffer): void | Promise<void>;
  /** The stream is over; `isWhole` is false when reading stopped because an orphan held it open. */
  end(isWhole: boolean): void | Promise<void>;
}

/** One stream that is read to its end. */
export interface Pump {
  /** Settles when the stream was read to its end, or given up; rejects with the error of the sink. */
  readonly done: Promise<void>;
  /** Waits for the end of the stream, but no longer than it has nothing to give for `idleMs`. */
  drain(idleMs: number): Promise<void>;
}

/**
 * What a program wrote before its exit fits the kernel's buffer and Node's; what comes beyond that after the exit
 * comes from an orphan that holds the stream open, and is not waited for.
 */
const MOST_AFTER_EXIT = 4 * 1024 * 1024;

/**
 * Reads a stream chunk by chunk: the next one is asked for when the sink has taken the last, so a slow sink stops the
 * program (through the full pipe) and never grows the memory.
 */
export function pump(stream: Readable, sink: ChunkSink): Pump {
  let waitingSince: number | undefined;
  let leftAfterExit = Infinity;
  let isWhole = false;

  const read = async (): Promise<void> => {
    const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    while (leftAfterExit > 0) {
      waitingSince = performance.now();
      const next = await chunks.next().catch(() => undefined);
      waitingSince = undefined;
      if (!next) break;
      if (next.done) {
        isWhole = true;
        break;
      }
      leftAfterExit -= next.value.length;
      const taken = sink.push(next.value);
      if (taken) await taken;
    }
    await sink.end(isWhole);
  };

  const over = new AbortController();
  const done = read().finally(() => {
    over.abort();
    stream.destroy();
  });
  // The owner awaits `done` only after the program's exit; until then a failure must not count as unhandled.
  done.catch(() => undefined);
  return {
    done,
    async drain(idleMs) {
      leftAfterExit = MOST_AFTER_EXIT;
      while (!over.signal.aborted) {
        if (waitingSince !== undefined && performance.now() - waitingSince >= idleMs) stream.destroy();
        await Promise.race([done, sleep(Math.min(20, idleMs))]);
      }
      await done;
    },
  };
}

/** Options of {@link lineSink}. */
export interface LineSinkOptions {
  readonly mask: Masker;
  readonly maxLineBytes: number;
  readonly onLine: (text: string) => void | Promise<void>;
}

/**
 * Masks a line, then cuts it. More than `maxLineBytes` were kept, so that a secret that begins before the cut was
 * there as a whole to be masked; the end of what was kept may hold the beginning of another one and is dropped.
 */
function maskAndCut({ text, cutBytes }: SplitLine, { mask, maxLineBytes }: LineSinkOptions): string {
  const masked = mask.mask(text);
  if (cutBytes === 0 && masked.length <= maxLineBytes) return masked;
  const unsafe = cutBytes === 0 ? 0 : mask.longestBytes;
  const kept = masked.slice(0, Math.max(0, Math.min(maxLineBytes, masked.length - unsafe)));
  return `${kept} [cut: ${cutBytes + masked.length - kept.length} more]`;
}

/** Gives each line, masked and not longer than the limit, to `onLine`. */
export function lineSink(options: LineSinkOptions): ChunkSink {
  // A secret may be registered while the program runs: room for one of this length is kept in any case.
  const reserve = Math.max(options.mask.longestBytes, 1_024);
  const splitter = createLineSplitter(options.maxLineBytes + reserve);
  const give = async (lines: readonly SplitLine[], from: number): Promise<void> => {
    for (const line of lines.slice(from)) await options.onLine(maskAndCut(line, options));
  };
  return {
    push(chunk) {
      const lines = splitter.push(chunk);
      // A listener that is not asynchronous costs no promise per line.
      for (const [index, line] of lines.entries()) {
        const taken = options.onLine(maskAndCut(line, options));
        if (taken) return taken.then(() => give(lines, index + 1));
      }
      return undefined;
    },
    async end() {
      const last = splitter.end();
      if (last) await options.onLine(maskAndCut(last, options));
    },
  };
}

/** Options of {@link eventSink}. */
export interface EventSinkOptions {
  readonly mask: Masker;
  readonly maxEventBytes: number;
  readonly onEvent: (value: unknown) => void | Promise<void>;
  readonly onDamaged: (text: string) => void | Promise<void>;
}

/** Reads JSON lines; {@link EventSink.isComplete} tells whether all of them arrived undamaged. */
export interface EventSink extends ChunkSink {
  isComplete(): boolean;
}

/** Gives each JSON value, masked, to `onEvent`, and every other line to `onDamaged`. Empty lines are skipped. */
export function eventSink({ mask, maxEventBytes, onEvent, onDamaged }: EventSinkOptions): EventSink {
  const splitter = createLineSplitter(maxEventBytes);
  let isComplete = false;
  let damaged = 0;

  const giveDamaged = (text: string): void | Promise<void> => {
    damaged += 1;
    return onDamaged(mask.mask(text));
  };
  const giveLine = (line: SplitLine): void | Promise<void> => {
    if (line.text.trim() === '') return;
    if (line.cutBytes > 0) {
      // The rest of it is gone: a secret at the cut could not be recognised, so only the size is told.
      return giveDamaged(`[event of ${maxEventBytes + line.cutBytes} bytes, longer than ${maxEventBytes}]`);
    }
    let value: unknown;
    try {
      value = JSON.parse(line.text);
    } catch {
      return giveDamaged(line.text);
    }
    return onEvent(mask.maskValue(value));
  };
  return {
    async push(chunk) {
      for (const line of splitter.push(chunk)) {
        const taken = giveLine(line);
        if (taken) await taken;
      }
    },
    async end(isWhole) {
      const last = splitter.end();
      if (last) await giveLine(last);
      isComplete = isWhole && damaged === 0;
    },
    isComplete: () => isComplete,
  };
}
