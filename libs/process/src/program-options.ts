import type { Readable } from 'node:stream';
import { DEFAULT_ENDING, SWEEP_GRACE_MS, type EndingPlan, type Leftover } from './ending.js';
import { baseEnvironment } from './environment.js';
import { createMasker, type Masker } from './masker.js';
import type { Reaper } from './reaper.js';

/** Where a line came from. */
export type OutputStream = 'stdout' | 'stderr';

/** JSON lines that the program writes to an inherited descriptor, apart from its output for people. */
export interface EventChannel {
  /** Environment name that tells the program the number of the descriptor (3). */
  readonly envName: string;
  /** Gets each parsed and masked value, in order. A promise that it returns pauses reading until it settles. */
  readonly onEvent: (value: unknown) => void | Promise<void>;
  /** Gets each line that is no JSON, is too long, or was not finished (masked). Default: nothing is called. */
  readonly onDamaged?: (text: string) => void | Promise<void>;
  /** Longest event in bytes; a longer one is damaged. Default 1 MiB. */
  readonly maxEventBytes?: number;
}

/** What {@link runProgram} runs, and how. */
export interface ProgramOptions {
  /** Path of the program, or a name that is sought in the PATH of `env`. */
  readonly command: string;
  readonly args?: readonly string[];
  /** Default: the working directory of the worker. */
  readonly cwd?: string;
  /** The whole environment of the program. Default: {@link baseEnvironment}. The run marker is added. */
  readonly env?: Readonly<Record<string, string>>;
  /** Run marker, such as `<executionId>/<workflowId>/<attempt>`; a part that is unique to this call is added to it. */
  readonly marker: string;
  /** Removes secrets from lines, events, tail and reasons. Default: nothing is masked. */
  readonly mask?: Masker;
  /** What the program reads on stdin. Default: nothing (end of file at once). */
  readonly input?: string | Uint8Array | Readable;
  /** Gets each line, in order per stream. A promise that it returns pauses reading that stream until it settles. */
  readonly onLine?: (stream: OutputStream, text: string) => void | Promise<void>;
  /** Gets stdout as bytes in place of lines (a database dump). A promise that it returns pauses reading. */
  readonly onStdoutBytes?: (chunk: Uint8Array) => void | Promise<void>;
  readonly events?: EventChannel;
  /** How the program is ended on cancel and time-out. Default {@link DEFAULT_ENDING}. */
  readonly cancel?: EndingPlan;
  /** Cancels the program. */
  readonly signal?: AbortSignal;
  /** Milliseconds after which the program is ended. Default: none. */
  readonly timeoutMs?: number;
  /** How many of the last lines the result keeps. Default 50. */
  readonly tailLines?: number;
  /** Longest line in bytes; the rest is cut and marked. Default 64 KiB. */
  readonly maxLineBytes?: number;
  /**
   * What happens to processes that outlive the program: `end` (SIGTERM, one second, SIGKILL) or `leave`, where only a
   * cancel or time-out ends them. Default `end`.
   */
  readonly outliving?: 'end' | 'leave';
  /** Ends the program when the worker dies. Default: nobody does. */
  readonly reaper?: Reaper;
}

/** How a program ended. The first cause wins: a program that exits because it was cancelled is `cancelled`. */
export type ProgramEnd = 'exited' | 'signalled' | 'cancelled' | 'timed-out' | 'not-started';

/** What came of a program. An exit code other than 0 is a result, not an error: only the caller knows what it means. */
export interface RunResult {
  readonly ended: ProgramEnd;
  /** Null when a signal ended it, or when it never started. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it was cancelled, timed out, killed or not started; absent when it exited by itself. Masked. */
  readonly reason?: string;
  readonly durationMs: number;
  /** The last lines of both streams. Masked. */
  readonly tail: readonly string[];
  /** Processes that could not be ended, or that were left as asked. Empty means: nothing is left running. */
  readonly leftovers: readonly Leftover[];
  /** The event channel was read to its end and held no damaged line. True when there is no channel. */
  readonly eventsComplete: boolean;
}

/** Options with every default applied. */
export interface CheckedOptions extends Required<
  Pick<
    ProgramOptions,
    'command' | 'args' | 'env' | 'mask' | 'cancel' | 'tailLines' | 'maxLineBytes' | 'outliving' | 'marker'
  >
> {
  readonly given: ProgramOptions;
  readonly sweepGraceMs: number;
}

/** Timers count in 32 bits: a longer time-out would fire at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Applies the defaults. Throws a TypeError for what only a programming error can give. */
export function checkOptions(given: ProgramOptions): CheckedOptions {
  if (given.command === '') throw new TypeError('runProgram: `command` is empty');
  if (given.marker === '' || given.marker.includes('\0')) {
    throw new TypeError(`runProgram: "${given.marker}" is no run marker`);
  }
  if (given.timeoutMs !== undefined && !(given.timeoutMs > 0)) {
    throw new TypeError(`runProgram: a timeoutMs of ${given.timeoutMs} would end the program before it starts`);
  }
  return {
    given,
    command: given.command,
    args: given.args ?? [],
    env: given.env ?? baseEnvironment(),
    marker: given.marker,
    mask: given.mask ?? createMasker(),
    cancel: given.cancel ?? DEFAULT_ENDING,
    tailLines: given.tailLines ?? 50,
    maxLineBytes: given.maxLineBytes ?? 64 * 1024,
    outliving: given.outliving ?? 'end',
    sweepGraceMs: SWEEP_GRACE_MS,
  };
}
