import { CodedError, formatDuration } from '@switchyard/contracts';
import { runProgram, type EndingPlan, type Masker, type Reaper, type RunResult } from '@switchyard/process';
import { diagnose, type ToolCommand } from './diagnose.js';
import type { Engine } from './find-engine.js';
import { followFile } from './follow-file.js';
import { cut, MOST_LINE_CHARS } from './text-limits.js';
import { parseUiMessage, type Diagnostic, type UiMessage } from './ui-message.js';

/** What every command of one attempt has in common. */
export interface ToolContext {
  readonly engine: Engine;
  readonly stack: string;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly marker: string;
  readonly mask: Masker;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly reaper?: Reaper;
  readonly onMessage: (message: UiMessage, command: ToolCommand) => void | Promise<void>;
  /** A line that is no message: a warning in plain text. */
  readonly onText: (text: string, command: ToolCommand) => void | Promise<void>;
}

/** One command of the tool. */
export interface ToolCall {
  readonly command: ToolCommand;
  readonly args: readonly string[];
  readonly ending: EndingPlan;
  readonly environment?: Readonly<Record<string, string>>;
  /** A file that takes the output, for a command that must outlive this worker. Default: a pipe. */
  readonly outputFile?: string;
}

/** What came of a command that ended by itself. */
export interface ToolOutcome {
  readonly exitCode: number;
  readonly diagnostics: readonly Diagnostic[];
  readonly tail: readonly string[];
  /** Release of the tool, as it says in its first line. */
  readonly version: string | undefined;
}

/**
 * Runs a command that speaks JSON lines. Any exit code is an outcome; a command that was cancelled, timed out, killed
 * or never started throws: the reason of the cancel, TimedOut, the retryable code of the command, ToolMissing.
 */
export async function runTool(context: ToolContext, call: ToolCall): Promise<ToolOutcome> {
  const diagnostics: Diagnostic[] = [];
  const tail: string[] = [];
  let version: string | undefined;
  const take = async (text: string): Promise<void> => {
    const message = parseUiMessage(text);
    if (message === undefined) {
      if (text.trim() === '') return;
      tail.push(cut(text));
      if (tail.length > MOST_TAIL_LINES) tail.shift();
      await context.onText(text, call.command);
      return;
    }
    version ??= message.terraform ?? message.tofu;
    if (message.diagnostic) diagnostics.push(message.diagnostic);
    await context.onMessage(message, call.command);
  };
  const result = await (call.outputFile === undefined
    ? runProgram({ ...programOf(context, call), maxLineBytes: MOST_LINE_CHARS, onLine: (_, text) => take(text) })
    : runIntoFile(context, call, call.outputFile, take));
  return { exitCode: ended(context, call, result), diagnostics, tail, version };
}

const MOST_TAIL_LINES = 50;

/**
 * Runs a command whose output goes to a file that this worker reads, not to a pipe. With the worker a pipe would lose
 * its reader, and the tool dies of the next line that it writes to such a pipe: before it could save its state.
 */
async function runIntoFile(
  context: ToolContext,
  call: ToolCall,
  file: string,
  take: (text: string) => Promise<void>,
): Promise<RunResult> {
  const followed = await followFile(file, (line) => take(context.mask.mask(line)));
  const program = programOf(context, call);
  let result: RunResult;
  try {
    // The shell replaces itself by the tool, so that signals to the leader reach the tool.
    const args = ['-c', 'out=$1; shift; exec "$@" >>"$out" 2>&1', 'sh', file, program.command, ...program.args];
    result = await runProgram({ ...program, command: '/bin/sh', args });
  } catch (error) {
    // The first error counts.
    await followed.end().catch(() => undefined);
    throw error;
  }
  await followed.end();
  return result;
}

/**
 * Runs a command that prints one document (a plan, a state) and returns it. The document holds secrets in clear text:
 * it is not masked, not told to anybody, and kept in memory only.
 */
export async function readTool(context: ToolContext, call: ToolCall): Promise<string> {
  const chunks: Uint8Array[] = [];
  const result = await runProgram({
    ...programOf(context, call),
    onStdoutBytes: (chunk) => void chunks.push(Buffer.from(chunk)),
  });
  const exitCode = ended(context, call, result);
  if (exitCode !== 0) {
    throw diagnose({ command: call.command, stack: context.stack, diagnostics: [], tail: result.tail, exitCode });
  }
  return Buffer.concat(chunks).toString('utf8');
}

function programOf(context: ToolContext, call: ToolCall) {
  return {
    command: context.engine.executable,
    args: call.args,
    cwd: context.directory,
    env: { ...context.environment, ...call.environment },
    marker: context.marker,
    mask: context.mask,
    cancel: call.ending,
    signal: context.signal,
    timeoutMs: context.timeoutMs,
    ...(context.reaper === undefined ? {} : { reaper: context.reaper }),
  };
}

/** The exit code of a command that ended by itself; throws for every other ending. */
function ended(context: ToolContext, call: ToolCall, result: RunResult): number {
  if (result.ended === 'exited') return result.exitCode ?? 1;
  // The reason of the cancel is what Temporal wants to see: a cancel, or a worker that is being stopped.
  if (result.ended === 'cancelled') context.signal.throwIfAborted();
  const what = `${call.command} of "${context.stack}"`;
  const details = { command: call.command, tail: result.tail.slice(-10), leftovers: result.leftovers };
  const reason = result.reason ?? 'no reason given';
  const failures: Record<typeof result.ended, () => CodedError> = {
    cancelled: () => new CodedError('Cancelled', `${what} was cancelled: ${reason}`, { details }),
    'timed-out': () =>
      new CodedError(
        'TimedOut',
        `${what} took longer than ${formatDuration(context.timeoutMs)} and was ended; give it a longer "timeout"`,
        { details },
      ),
    'not-started': () => new CodedError('ToolMissing', `${what} did not start: ${reason}`, { details }),
    // Killed from outside (out of memory): another attempt looks at the state before it goes on.
    signalled: () =>
      new CodedError(
        call.command === 'apply' ? 'TerraformApplyFailed' : 'TerraformPlanFailed',
        `${what} was killed by ${result.signal ?? 'a signal'}`,
        { details, retryable: true },
      ),
  };
  throw failures[result.ended]();
}
