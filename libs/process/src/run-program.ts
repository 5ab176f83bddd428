import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { runStages, sendSignal, sweep, type Leftover } from './ending.js';
import { errnoOf, toError } from './errno.js';
import { eventSink, lineSink, pump, type EventSink, type Pump } from './output.js';
import { findProcesses, MARKER_NAME } from './process-table.js';
import {
  checkOptions,
  LONGEST_TIMER_MS,
  type CheckedOptions,
  type OutputStream,
  type ProgramOptions,
  type RunResult,
} from './program-options.js';

const EVENT_DESCRIPTOR = 3;
const MAX_EVENT_BYTES = 1024 * 1024;
/** A stream that an orphan holds open is given up when it had nothing to give for so long after the exit. */
const DRAIN_IDLE_MS = 250;

type Cause = Pick<RunResult, 'ended'> & { readonly reason?: string };
type Exit = Pick<RunResult, 'exitCode' | 'signal'>;

/**
 * Runs a program in a session of its own, with the run marker in its environment, and tells how it ended.
 * Resolves when the program has exited, what it left behind was ended, and its output was handed over.
 * Rejects only when a listener throws (after the program was ended) or the options make no sense.
 */
export async function runProgram(given: ProgramOptions): Promise<RunResult> {
  const checked = checkOptions(given);
  // Unique per call: ending what one program left behind must not end another one of the same activity.
  const options = { ...checked, marker: `${checked.marker}/${randomUUID().slice(0, 8)}` };
  const startedAt = performance.now();
  if (given.signal?.aborted) return notStarted(options, `cancelled before the start: ${abortReason(given.signal)}`);
  // Before the spawn: a worker that dies right after it has a reaper that knows the marker.
  await given.reaper?.watch(options.marker, options.cancel);
  let result: RunResult | undefined;
  try {
    const started = start(options);
    result =
      started instanceof Promise
        ? notStarted(options, await explainStart(options, await started))
        : await new Supervision(options, started).result();
    return { ...result, durationMs: performance.now() - startedAt };
  } finally {
    // What could not be ended stays watched: perhaps it can be when the worker is gone.
    const isClean = result === undefined || result.leftovers.length === 0 || options.outliving === 'leave';
    if (isClean) await given.reaper?.unwatch(options.marker);
  }
}

function notStarted(options: CheckedOptions, reason: string): RunResult {
  return {
    ended: 'not-started',
    exitCode: null,
    signal: null,
    reason: options.mask.mask(reason),
    durationMs: 0,
    tail: [],
    leftovers: [],
    eventsComplete: options.given.events === undefined,
  };
}

function abortReason(signal: AbortSignal): string {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason.message : String(reason);
}

/** Starts the program; an error is returned when the system refused to. */
function start(options: CheckedOptions): ChildProcess | Promise<Error> {
  const { given } = options;
  const stdio: StdioOptions = [given.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'];
  const env: Record<string, string> = { ...options.env, [MARKER_NAME]: options.marker };
  if (given.events) {
    stdio.push('pipe');
    env[given.events.envName] = String(EVENT_DESCRIPTOR);
  }
  try {
    const child = spawn(options.command, options.args, {
      ...(given.cwd === undefined ? {} : { cwd: given.cwd }),
      env,
      stdio,
      // A session and group of its own: one signal reaches all of it, and none that is meant for the worker does.
      detached: true,
    });
    if (child.pid !== undefined) return child;
    return new Promise((resolve) => {
      child.once('error', resolve);
    });
  } catch (error) {
    return Promise.resolve(toError(error));
  }
}

/** ENOENT stands for a missing program and for a missing working directory: tells which. */
async function explainStart({ command, given }: CheckedOptions, error: Error): Promise<string> {
  if (given.cwd !== undefined) {
    const directory = await stat(given.cwd).catch(() => undefined);
    if (!directory?.isDirectory()) return `the working directory "${given.cwd}" does not exist`;
  }
  return errnoOf(error) === 'ENOENT'
    ? `"${command}" could not be started: no such program`
    : `"${command}": ${error.message}`;
}

/** Hands the input over; a program that does not read it all is no error. */
async function feed(stdin: Writable, input: NonNullable<ProgramOptions['input']>): Promise<void> {
  const source = input instanceof Readable ? input : Readable.from([input], { objectMode: false });
  await pipeline(source, stdin).catch(() => undefined);
}

/** One running program: reads it, waits for it, ends it. */
class Supervision {
  readonly #options: CheckedOptions;
  readonly #pid: number;
  readonly #exited: Promise<Exit>;
  readonly #pumps: Pump[] = [];
  readonly #tail: string[] = [];
  #events: EventSink | undefined;
  #cause: Cause | undefined;
  #ending: Promise<boolean> | undefined;
  #giveUp: () => void = () => undefined;
  #listenerError: { readonly error: unknown } | undefined;

  constructor(options: CheckedOptions, child: ChildProcess) {
    this.#options = options;
    this.#pid = child.pid ?? 0;
    // 'exit', never 'close': an orphan that holds a pipe open delays 'close' for as long as it lives.
    this.#exited = new Promise((resolve) => {
      this.#giveUp = () => resolve({ exitCode: null, signal: null });
      child.once('exit', (exitCode, signal) => {
        this.#cause ??= signal ? { ended: 'signalled', reason: `ended by ${signal}` } : { ended: 'exited' };
        resolve({ exitCode, signal });
      });
    });
    child.on('error', () => undefined);
    this.#read(child);
    if (child.stdin && options.given.input !== undefined) void feed(child.stdin, options.given.input);
  }

  async result(): Promise<RunResult> {
    const { given } = this.#options;
    const onAbort = (): void => {
      if (given.signal) this.#stop({ ended: 'cancelled', reason: abortReason(given.signal) });
    };
    given.signal?.addEventListener('abort', onAbort, { once: true });
    // It may have been aborted while the reaper was told.
    if (given.signal?.aborted) onAbort();
    const timer = this.#startTimer();
    const exit = await this.#exited;
    await this.#ending;
    clearTimeout(timer);
    given.signal?.removeEventListener('abort', onAbort);
    const leftovers = await this.#endRest();
    await this.#drain();
    if (this.#listenerError) throw this.#listenerError.error;
    const { ended, reason } = this.#cause ?? { ended: 'exited' as const };
    return {
      ended,
      ...exit,
      ...(reason === undefined ? {} : { reason: this.#options.mask.mask(reason) }),
      durationMs: 0,
      tail: [...this.#tail],
      leftovers,
      eventsComplete: this.#events?.isComplete() ?? true,
    };
  }

  #read(child: ChildProcess): void {
    const { given, mask, maxLineBytes } = this.#options;
    const lines = (stream: OutputStream): ReturnType<typeof lineSink> =>
      lineSink({ mask, maxLineBytes, onLine: (text) => this.#line(stream, text) });
    const onBytes = given.onStdoutBytes;
    if (child.stdout) {
      const bytes = onBytes && { push: onBytes, end: () => undefined };
      this.#pump(child.stdout, bytes ?? lines('stdout'));
    }
    if (child.stderr) this.#pump(child.stderr, lines('stderr'));
    const channel = child.stdio[EVENT_DESCRIPTOR];
    if (given.events && channel instanceof Readable) {
      const { onEvent, onDamaged = () => undefined, maxEventBytes = MAX_EVENT_BYTES } = given.events;
      this.#events = eventSink({ mask, maxEventBytes, onEvent, onDamaged });
      this.#pump(channel, this.#events);
    }
  }

  #pump(stream: Readable, sink: Parameters<typeof pump>[1]): void {
    const reading = pump(stream, sink);
    this.#pumps.push(reading);
    reading.done.catch((error: unknown) => {
      this.#listenerError ??= { error };
      this.#stop({ ended: 'cancelled', reason: 'a listener of its output failed' });
    });
  }

  #line(stream: OutputStream, text: string): void | Promise<void> {
    const { given, tailLines } = this.#options;
    if (tailLines > 0) {
      this.#tail.push(text);
      if (this.#tail.length > tailLines) this.#tail.shift();
    }
    return given.onLine?.(stream, text);
  }

  #startTimer(): NodeJS.Timeout | undefined {
    const { timeoutMs } = this.#options.given;
    if (timeoutMs === undefined) return undefined;
    const reason = `no end within ${timeoutMs} ms`;
    return setTimeout(() => this.#stop({ ended: 'timed-out', reason }), Math.min(timeoutMs, LONGEST_TIMER_MS));
  }

  /** Ends the program for the first cause; later causes change nothing. */
  #stop(cause: Cause): void {
    if (this.#cause) return;
    this.#cause = cause;
    this.#ending = runStages(this.#options.cancel, {
      send: (to, signal) => sendSignal(to === 'group' ? -this.#pid : this.#pid, signal),
      endsWithin: (ms) => this.#exitsWithin(ms),
    });
    // A process that even SIGKILL does not end (it hangs in the kernel) is reported as left over, not waited for.
    void this.#ending.then((isGone) => isGone || this.#giveUp());
  }

  async #exitsWithin(ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), ms);
    });
    const isGone = await Promise.race([this.#exited.then(() => true), tooLate]);
    clearTimeout(timer);
    return isGone;
  }

  /** Ends what the program left behind. */
  async #endRest(): Promise<Leftover[]> {
    const { marker, outliving, sweepGraceMs } = this.#options;
    const tree = { marker, group: this.#pid };
    const isForced = this.#ending !== undefined;
    const left =
      outliving === 'leave' && !isForced ? await findProcesses(tree) : await sweep(tree, sweepGraceMs, isForced);
    return left.map(({ pid, name }) => ({ pid, name }));
  }

  async #drain(): Promise<void> {
    await Promise.all(this.#pumps.map((reading) => reading.drain(DRAIN_IDLE_MS).catch(() => undefined)));
  }
}
