import { CodedError } from '@switchyard/contracts';
import { createMasker, findExecutable, runProgram, type Masker, type Reaper } from '@switchyard/process';
import { diagnose } from './diagnose.js';

/** One call of git. */
export interface GitCall {
  /** For messages, such as `reading https://host/repo.git`. */
  readonly doing: string;
  /** Never holds a secret. */
  readonly args: readonly string[];
  /** Added to the common environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly masker?: Masker;
  readonly cwd?: string;
  readonly signal: AbortSignal;
  /** A part of the run marker: what a dead worker left can be found by it. */
  readonly marker: string;
}

/** What came of a call that may fail. */
export interface GitAnswer {
  readonly isOk: boolean;
  readonly stdout: string;
  readonly lines: readonly string[];
}

/** GIT_CONFIG_COUNT and GIT_CONFIG_GLOBAL: an older one would go without credentials, and with the machine's settings. */
const OLDEST = [2, 32] as const;
const MOST_BYTES = 256 * 1024 * 1024;
const INTERRUPT = { signals: [{ signal: 'SIGTERM', graceMs: 3_000, to: 'group' }] } as const;

/** Options of {@link GitProgram}. */
export interface GitProgramOptions {
  /** Environment of the worker, where git is sought. */
  readonly searchEnv: NodeJS.ProcessEnv;
  /** Environment of git. */
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds for one call. */
  readonly timeoutMs: number;
  readonly reaper?: Reaper;
}

/** Runs git, and tells what went wrong by our codes. */
export class GitProgram {
  readonly #options: GitProgramOptions;
  #program: Promise<string> | undefined;

  constructor(options: GitProgramOptions) {
    this.#options = options;
  }

  /** What git printed. Throws NotFound, AuthFailed, TimedOut, GitFailed or ToolMissing. */
  async run(call: GitCall): Promise<string> {
    const { isOk, stdout, lines } = await this.try(call);
    if (isOk) return stdout;
    throw diagnose(call.doing, lines);
  }

  /** The same for a call whose failure means something. */
  async try(call: GitCall): Promise<GitAnswer> {
    this.#program ??= this.#find(call.signal);
    // One that was missing may be installed while the worker runs.
    this.#program.catch(() => (this.#program = undefined));
    return this.#call(await this.#program, call);
  }

  async #find(signal: AbortSignal): Promise<string> {
    const program = await findExecutable('git', { env: this.#options.searchEnv, variable: 'SWITCHYARD_GIT_BIN' });
    const call = { doing: 'asking git for its version', args: ['version'], marker: 'git/version', signal };
    const { stdout } = await this.#call(program, call);
    const [, major, minor] = /(\d+)\.(\d+)/.exec(stdout) ?? [];
    if (Number(major) > OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) >= OLDEST[1])) return program;
    throw new CodedError(
      'ToolMissing',
      `${program} is ${stdout.trim() || 'no git'}; projects from git need git ${OLDEST.join('.')} or newer: install it, or set SWITCHYARD_GIT_BIN`,
    );
  }

  async #call(command: string, { doing, args, env, masker, cwd, signal, marker }: GitCall): Promise<GitAnswer> {
    const { timeoutMs, reaper } = this.#options;
    const chunks: Uint8Array[] = [];
    let size = 0;
    const lines: string[] = [];
    const mask = masker ?? createMasker();
    const result = await runProgram({
      command,
      args,
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...this.#options.env, ...env },
      marker,
      mask,
      signal,
      timeoutMs,
      cancel: INTERRUPT,
      onStdoutBytes(chunk) {
        size += chunk.byteLength;
        if (size > MOST_BYTES) throw new CodedError('GitFailed', `${doing}: git printed more than ${MOST_BYTES} bytes`);
        chunks.push(chunk);
      },
      onLine(_, text) {
        lines.push(text);
        if (lines.length > 50) lines.shift();
      },
      ...(reaper === undefined ? {} : { reaper }),
    });
    if (result.ended === 'cancelled') signal.throwIfAborted();
    if (result.ended === 'timed-out') {
      throw new CodedError('TimedOut', `${doing} took longer than ${timeoutMs / 1_000} s; git was ended`);
    }
    if (result.ended !== 'exited') lines.push(`fatal: ${result.reason ?? 'git was ended'}`);
    return { isOk: result.exitCode === 0, stdout: Buffer.concat(chunks).toString('utf8'), lines };
  }
}
