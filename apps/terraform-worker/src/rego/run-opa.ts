import path from 'node:path';
import { CodedError, formatDuration } from '@switchyard/contracts';
import { runProgram, type Reaper, type RunResult } from '@switchyard/process';
import { z } from 'zod';

/** What one evaluation may take. */
export interface OpaLimits {
  /** Milliseconds. Default 1 minute. */
  readonly timeoutMs: number;
  /** Address space in megabytes. Default 2048, of which OPA itself takes one half. */
  readonly memoryMb: number;
  /** What it may answer. Default 8 MB. */
  readonly outputBytes: number;
}

export const OPA_LIMITS: OpaLimits = { timeoutMs: 60_000, memoryMb: 2_048, outputBytes: 8 * 1024 * 1024 };

/** OPA for one attempt. */
export interface Opa {
  readonly executable: string;
  /** Its working directory, which it does not write to. */
  readonly directory: string;
  readonly marker: string;
  readonly signal: AbortSignal;
  readonly limits: OpaLimits;
  readonly reaper?: Reaper;
}

/** One query over the policies of a directory. */
export interface Evaluation {
  readonly query: string;
  /** Directory of `.rego` files, in the working directory. */
  readonly policies: string;
  /** File of capabilities, in the working directory. */
  readonly capabilities: string;
  /** JSON. It goes in by stdin: it may hold secrets, and so no file and no argument has it. */
  readonly input: string;
}

/** What OPA says is wrong. May quote values of the input. */
export interface OpaProblem {
  /** Name of the file in the directory of policies; empty where it tells none. */
  readonly file: string;
  readonly row: number | null;
  readonly message: string;
}

/** The value of a query, or why there is none. A value that could not be read is none. */
export type OpaAnswer = { readonly value: unknown } | { readonly problems: readonly OpaProblem[] };

const errorsSchema = z.object({
  errors: z.array(
    z.object({
      message: z.string(),
      code: z.string().default(''),
      location: z.object({ file: z.string(), row: z.number() }).optional(),
    }),
  ),
});
const resultSchema = z.object({
  result: z.tuple([z.object({ expressions: z.tuple([z.object({ value: z.unknown() })]) })]),
});

/** Tells what this release of OPA can do. */
export async function readCapabilities(opa: Opa): Promise<string> {
  const ran = await run({ ...opa, limits: OPA_LIMITS }, ['capabilities', '--current'], undefined);
  if (ran.problem === undefined && ran.result.exitCode === 0) return ran.output;
  throw new CodedError('ToolMissing', `"${opa.executable}" does not tell its capabilities: ${whyOf(opa, ran)}`, {
    details: { tool: 'opa', variables: ['SWITCHYARD_OPA_BIN'] },
  });
}

/**
 * Evaluates a query. An error of a built-in function is an error, where OPA by itself takes it for "does not hold".
 * @throws the reason of the cancel; whatever else happens is an answer
 */
export async function evaluate(opa: Opa, { query, policies, capabilities, input }: Evaluation): Promise<OpaAnswer> {
  const args = ['eval', '--format', 'json', '--stdin-input', '--strict-builtin-errors'];
  const files = ['--data', policies, '--capabilities', path.join(opa.directory, capabilities)];
  const timeout = ['--timeout', `${opa.limits.timeoutMs}ms`];
  const ran = await run(opa, [...args, ...files, ...timeout, query], input);
  const answer = ran.problem === undefined ? parseJson(ran.output) : undefined;
  const failed = errorsSchema.safeParse(answer);
  if (failed.success && failed.data.errors.length > 0) {
    return {
      problems: failed.data.errors.slice(0, MOST_PROBLEMS).map(({ message, code, location }) => ({
        file: location === undefined ? '' : path.basename(location.file),
        row: location?.row ?? null,
        message: code === 'eval_cancel_error' ? tookTooLong(opa) : message,
      })),
    };
  }
  const read = resultSchema.safeParse(answer);
  if (read.success && ran.result.exitCode === 0) return { value: read.data.result[0].expressions[0].value };
  return { problems: [{ file: '', row: null, message: whyOf(opa, ran) }] };
}

const MOST_PROBLEMS = 20;
/** Time to read and compile the policies beside the evaluation, which OPA ends itself. */
const MARGIN_MS = 10_000;
const MOST_STDERR_LINES = 5;

interface Ran {
  readonly result: RunResult;
  readonly output: string;
  /** The first lines on stderr: a runtime that dies says why before it prints its stacks. */
  readonly stderr: readonly string[];
  readonly problem: 'output' | undefined;
}

async function run(opa: Opa, args: readonly string[], input: string | undefined): Promise<Ran> {
  const { limits, signal } = opa;
  const chunks: Buffer[] = [];
  const stderr: string[] = [];
  let bytes = 0;
  const tooMuch = new AbortController();
  // The limit is set in the shell that replaces itself by OPA. Where the system has none of the kind, Go keeps to its own.
  const limited = `ulimit -v ${limits.memoryMb * 1_024} 2>/dev/null || :; exec "$@"`;
  const result = await runProgram({
    command: '/bin/sh',
    args: ['-c', limited, 'sh', opa.executable, ...args],
    cwd: opa.directory,
    env: { HOME: opa.directory, GOMEMLIMIT: `${Math.floor(limits.memoryMb * 0.6)}MiB` },
    marker: opa.marker,
    signal: AbortSignal.any([signal, tooMuch.signal]),
    timeoutMs: limits.timeoutMs + MARGIN_MS,
    ...(input === undefined ? {} : { input }),
    ...(opa.reaper === undefined ? {} : { reaper: opa.reaper }),
    onStdoutBytes(chunk) {
      bytes += chunk.length;
      if (bytes > limits.outputBytes) tooMuch.abort(new Error('it answered too much'));
      else chunks.push(Buffer.from(chunk));
    },
    onLine(stream, text) {
      if (stream === 'stderr' && stderr.length < MOST_STDERR_LINES && text.trim() !== '') stderr.push(text);
    },
  });
  signal.throwIfAborted();
  const problem = tooMuch.signal.aborted ? 'output' : undefined;
  return { result, output: Buffer.concat(chunks).toString('utf8'), stderr, problem };
}

const tookTooLong = ({ limits }: Opa): string => `it took longer than ${formatDuration(limits.timeoutMs)}`;

function whyOf(opa: Opa, { result, stderr, problem }: Ran): string {
  if (problem === 'output') return `it answered more than ${opa.limits.outputBytes} bytes`;
  if (result.ended === 'timed-out') return tookTooLong(opa);
  if (stderr.some((line) => /out of memory|failed to reserve|cannot allocate/.test(line)))
    return `it needed more than ${opa.limits.memoryMb} MB of memory`;
  if (result.ended === 'exited' && result.exitCode === 0) return 'it gave no value';
  const how = result.ended === 'exited' ? `exit code ${result.exitCode}` : (result.reason ?? result.ended);
  return [`OPA ended with ${how}`, ...stderr.slice(0, 1)].join(': ');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
